#!/bin/bash
# For --pre-stop: puts this server into drain state, over HAProxy's runtime socket.
exec 3<>"/dev/tcp/$BALANCER"
echo "set server requests/$SERVER state drain" >&3
cat <&3 >&2 # an answer is a complaint
