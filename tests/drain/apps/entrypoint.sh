#!/bin/bash
# A common handwritten entrypoint: it forwards the signal $DELAY seconds late.
trap 'sleep "$DELAY"; kill -TERM "$app"' TERM
"$@" &
app=$!
wait "$app" # the trap ends this one
wait "$app"
