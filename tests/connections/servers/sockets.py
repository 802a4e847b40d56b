"""sockets.py PORT [SECONDS]: a WebSocket server; it sends a ping every SECONDS, or none.

It answers "sleep S" after S seconds, "push N" with N messages, one a second, and all else immediately.
"""

import asyncio
import sys

import websockets


async def serve(socket):
    async for message in socket:
        word, _, number = message.partition(" ")
        if word == "sleep":
            await asyncio.sleep(float(number))
        for _ in range(int(number) if word == "push" else 0):
            await socket.send("tick")
            await asyncio.sleep(1)
        await socket.send("done")


async def main():
    interval = float(sys.argv[2]) if len(sys.argv) > 2 else None
    async with websockets.serve(serve, "127.0.0.1", int(sys.argv[1]), ping_interval=interval):
        await asyncio.Future()


asyncio.run(main())
