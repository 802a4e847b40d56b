#!/bin/bash
# What many images have: no exec, no trap. The server is a child, and bash does not pass signals on.
echo "starting the server"
node server.js --graceful
echo "the server has ended"
