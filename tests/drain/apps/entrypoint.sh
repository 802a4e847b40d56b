#!/bin/bash
# What people write for themselves: the signal is passed on $DELAY seconds late.
trap 'sleep "$DELAY"; kill -TERM "$app"' TERM
"$@" &
app=$!
wait "$app" # the trap ends this one
wait "$app"
