"""What one check of --drain-timeout costs, by the number of connections on the app's port. Nothing is judged here.

    checks.py COUNT    in a network namespace: prints the times for that many connections, in us, as JSON
"""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass

from programs import BUILD

LOOK = str(BUILD.parent / "tests/look")
PORT = 8080
COUNTS = (0, 100, 1000, 10_000)
TIMES = {0: 300, 100: 300, 1000: 200, 10_000: 40}  # checks, of which the time is the median
HELD = 2000  # connections, with both ends, in a process
HOSTS = 5000  # connections from one address: the client's ports are limited


@dataclass(frozen=True)
class Check:
    connections: int
    idle_us: float  # all of them are idle, after short responses
    busy_us: float  # one more is busy


def measure_checks() -> list[Check]:
    return [Check(count, *measure_alone(count)) for count in COUNTS]


def measure_alone(count: int) -> list[float]:
    words = ["unshare", "--net", sys.executable, __file__, str(count)]
    return json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)


def measure(count: int) -> list[float]:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    listener = socket.create_server(("127.0.0.1", PORT), backlog=128)
    holders = [hold(listener, start, count) for start in range(0, count, HELD)]
    try:
        idle = look(count)
        client, app = connect(listener, "127.0.0.1")
        client.sendall(b"request")
        app.recv(100)
        return [median_us(idle, 0), median_us(look(count), 1)]
    finally:
        for pid in holders:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def hold(listener: socket.socket, start: int, count: int) -> int:
    """A process that has HELD of the connections, or the rest: the number of descriptors is limited."""
    from_child, to_parent = os.pipe()
    pid = os.fork()
    if pid == 0:
        kept = [exchange(listener, f"127.0.0.{2 + start // HOSTS}") for _ in range(min(HELD, count - start))]
        os.write(to_parent, b"x" if kept else b"")
        signal.pause()
    os.read(from_child, 1)
    return pid


def connect(listener: socket.socket, host: str) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(("127.0.0.1", PORT), source_address=(host, 0))
    return client, listener.accept()[0]


def exchange(listener: socket.socket, host: str) -> tuple[socket.socket, socket.socket]:
    """A connection with two short requests and responses."""
    client, app = connect(listener, host)
    for _ in range(2):
        client.sendall(b"request")
        app.recv(100)
        app.sendall(b"response")
        client.recv(100)
    return client, app


def look(count: int) -> str:
    """After the time in which the last exchange counts as busy."""
    subprocess.run(["sleep", "0.6"], check=True)
    words = [LOOK, str(PORT), str(TIMES[count]), "busy"]
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout


def median_us(printed: str, expected: int) -> float:
    """From "found 0 least 1.0 middle 1.1"."""
    words = printed.split()
    if int(words[1]) != expected:
        sys.exit(f"checks: {words[1]} connections are busy, and not {expected}")
    return float(words[5])


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
