#!/bin/bash
# For --pre-stop: tells HAProxy, over its runtime socket, to send this server no more requests.
exec 3<>"/dev/tcp/$BALANCER"
echo "set server requests/$SERVER state drain" >&3
cat <&3 >&2 # an answer is a complaint
