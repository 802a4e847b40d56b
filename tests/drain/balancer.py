"""Debian's HAProxy with a common configuration: health checks, and two ports for the same servers.

It is independent of containers and of lull: a server is an address, and a check is a port and a path.
"""

import csv
import io
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from containers import HOST, PATIENCE_S, Failed, tail, wait_until

INTER_MS = 500  # between two checks of a server
FALL = 2  # failed checks until it gets no more requests
RISE = 2  # successful checks until it gets them again

CONFIG = """\
global
	nbthread 1
	stats socket {directory}/haproxy.sock mode 600 level admin
	stats socket ipv4@{host}:{runtime_port} level admin

defaults
	mode http
	timeout connect 1s
	timeout client 20s
	timeout server 20s
	timeout check 5s
	retries 3
	option redispatch 1
	default-server inter {inter_ms}ms fall {fall} rise {rise}

# The usual settings: a connection that fails is tried again elsewhere, a request never.
frontend requests
	bind 127.0.0.1:{port}
	default_backend requests

backend requests
	balance roundrobin
	option httpchk GET {page}
{servers}

# Retries on: whatever went wrong, the request is sent again, to another server.
frontend orders
	bind 127.0.0.1:{orders_port}
	default_backend orders

backend orders
	balance roundrobin
	retry-on all-retryable-errors
{followers}
"""


@dataclass(frozen=True)
class Check:
    """The health check of a server. port None: the port of the app."""

    page: str = "/health"
    port: int | None = None


class Balancer:
    """One HAProxy. Its servers are called s1, s2, ... in the order of their addresses."""

    def __init__(self, directory: Path, number: int, addresses: Sequence[str], port: int, check: Check):
        """The number, from 0 to 999, must be unique: it determines the ports."""
        self.directory = directory
        self.port, self.orders_port, self.runtime_port = (start + number for start in (20000, 21000, 22000))
        self.config = CONFIG.format(
            directory=directory,
            host=HOST,
            port=self.port,
            orders_port=self.orders_port,
            runtime_port=self.runtime_port,
            inter_ms=INTER_MS,
            fall=FALL,
            rise=RISE,
            page=check.page,
            servers="\n".join(self.server_lines(addresses, port, check)),
            followers="\n".join(self.follower_lines(addresses, port)),
        )
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def server_lines(addresses: Sequence[str], port: int, check: Check) -> list[str]:
        options = "check" if check.port is None else f"check port {check.port}"
        return [f"\tserver s{n} {address}:{port} {options}" for n, address in enumerate(addresses, 1)]

    @staticmethod
    def follower_lines(addresses: Sequence[str], port: int) -> list[str]:
        """The same servers, with the same state: each is checked once."""
        return [f"\tserver s{n} {address}:{port} track requests/s{n}" for n, address in enumerate(addresses, 1)]

    def start(self) -> None:
        file, log = self.directory / "haproxy.cfg", self.directory / "haproxy.log"
        file.write_text(self.config)
        with log.open("wb") as out:
            self.process = subprocess.Popen(["haproxy", "-db", "-f", str(file)], stdout=out, stderr=out)
        wait_until("HAProxy answers", self.answers)

    def answers(self) -> bool:
        if self.process and self.process.poll() is not None:
            raise Failed(f"haproxy ended: {tail(self.directory / 'haproxy.log')}")
        try:
            return bool(self.command("show info"))
        except OSError:
            return False

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()

    def command(self, line: str) -> str:
        """Sends a command to the runtime socket, and returns the response."""
        with socket.socket(socket.AF_UNIX) as runtime:
            runtime.settimeout(PATIENCE_S)
            runtime.connect(str(self.directory / "haproxy.sock"))
            runtime.sendall(line.encode() + b"\n")
            return b"".join(iter(lambda: runtime.recv(65536), b"")).decode()

    def set_state(self, server: str, state: str) -> None:
        """Sets the state for both ports. "drain": no new requests, running ones complete; "ready": normal."""
        answer = self.command(f"set server requests/{server} state {state}").strip()
        if answer:
            raise Failed(f"set server: {answer}")

    def table(self) -> list[dict[str, str]]:
        """HAProxy's statistics; the columns are explained in its management guide, 9.1."""
        return list(csv.DictReader(io.StringIO(self.command("show stat").lstrip("# "))))

    def is_up(self, server: str) -> bool:
        rows = self.table()
        return any((row["pxname"], row["svname"], row["status"]) == ("requests", server, "UP") for row in rows)

    def tried_again(self) -> int:
        """The number of failed connections after which HAProxy tried the same server or another one."""
        backends = [row for row in self.table() if row["svname"] == "BACKEND"]
        return sum(int(row["wretr"]) + int(row["wredis"]) for row in backends)

    def wait_for(self, *servers: str) -> None:
        """Waits until the servers are up by new checks.

        HAProxy does not report the time of its last check, so this waits for FALL or RISE checks first.
        """
        time.sleep((max(FALL, RISE) + 1) * INTER_MS / 1000)
        for server in servers:
            wait_until(f"HAProxy sees {server} up", lambda: self.is_up(server))
