"""One rolling restart: three containers behind a load balancer, under load, restarted one after the other.

A Setup describes what is restarted, a Result what happened. This module judges nothing.
"""

import collections
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from balancer import Balancer, Check
from client import Counts
from containers import HOST, IMAGE, PATIENCE_S, STATE, Container, Failed, address_of, run, start_container, wait_until
from instances import Instance, new_instance

HERE = Path(__file__).resolve().parent
WEB_FILES = STATE / "www"
CLASSES = STATE / "classes"
INSTANCES = 3
APP_PORT = 8000
DELAY_S = 3.0  # fixed beforehand: more than fall x inter + the longest request, see balancer.py and apps/
STOP_S = 8  # docker stop -t: the delay, and time for the app
LEAD_S = 1.5  # load before the first stop and after the last start

APPS: dict[str, list[str]] = {
    "Flask on waitress": ["waitress-serve", f"--listen=*:{APP_PORT}", "--threads=40", "shop:app"],
    "gunicorn": [
        *("gunicorn", f"--bind=0.0.0.0:{APP_PORT}", "--worker-class=gthread", "--threads=40", "--keep-alive=65"),
        *("--worker-tmp-dir=/tmp", "shop:app"),
    ],
    "Express": ["node", "/apps/server.js"],
    "nginx, large files": ["nginx", "-p", "/tmp", "-c", "/apps/nginx.conf", "-e", "stderr"],
    "ignores SIGTERM": ["/usr/bin/python3", "/apps/stubborn.py"],
}
# For requests of random lengths. After SIGTERM, gunicorn waits for connections without a request, by default for 30 s.
BACKEND_PORT = 8090  # of the waitress behind nginx, which is not restarted
JAVA = ("java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx64m", "-Dsun.net.httpserver.nodelay=true")
LENGTHS_APPS: dict[str, list[str]] = {
    "Flask on waitress": APPS["Flask on waitress"],
    "gunicorn": [*APPS["gunicorn"][:-1], "--graceful-timeout=3", APPS["gunicorn"][-1]],
    "Express": APPS["Express"],
    "Java's HTTP server": [*JAVA, "-cp", "/classes", "Shop", str(APP_PORT)],
    "nginx, proxy to waitress": ["nginx", "-p", "/tmp", "-c", "/apps/proxy.conf", "-e", "stderr"],
}

ENVIRONMENT = {
    "PYTHONPATH": "/apps",
    "PYTHONDONTWRITEBYTECODE": "1",
    "NODE_PATH": "/usr/share/nodejs",
    "NODE_ENV": "production",
    "DELAY": f"{DELAY_S:g}",  # for apps/entrypoint.sh
}


@dataclass(frozen=True)
class Setup:
    """The parts of one restart."""

    name: str  # unique in a run
    app: str
    init: tuple[str, ...] = ()  # the arguments before the app's command
    check: Check = Check()
    env: dict[str, str] = field(default_factory=dict)
    image: str = IMAGE
    # Simulates another actor during the load, such as a controller. Called with the balancer and the containers.
    company: Callable[[Balancer, list[Container | Instance]], contextlib.AbstractContextManager[None]] | None = None
    put_back: bool = False  # the restart also adds it to the balancer again
    stop_s: int = STOP_S
    docker: bool = False  # False: only namespaces, which take a twentieth of the time
    seed: int = 0  # not 0: the requests have random lengths, and there are no orders


@dataclass(frozen=True)
class Result:
    requests: Counts
    orders: Counts
    twice: int  # orders that were executed more than once
    tried_again: int  # connections that the balancer tried again
    stop_s: tuple[float, ...]
    statuses: tuple[int, ...]

    @property
    def failed(self) -> int:
        return self.requests.failures

    @property
    def orders_failed(self) -> int:
        return self.orders.failures


def directory_of(number: int) -> Path:
    """The directory of a restart's records and logs."""
    return STATE / str(number)


def restart(setup: Setup, number: int, gate: threading.Barrier | None = None) -> Result:
    """The number, from 1 to 250, must be unique in this run. With a gate, the load starts when all have started."""
    directory = directory_of(number)
    shutil.rmtree(directory, ignore_errors=True)  # of an earlier run
    records = directory / "records"
    records.mkdir(parents=True)
    addresses = [address_of(number, n) for n in range(1, INSTANCES + 1)]
    balancer = Balancer(directory, number, addresses, APP_PORT, setup.check)
    with contextlib.ExitStack() as stack:
        containers = []
        for n, address in enumerate(addresses, 1):
            containers.append(start_instance(setup, f"t{number}-s{n}", address, records, balancer))
            stack.callback(end_instance, containers[-1], directory)
        result = restart_all(setup, balancer, containers, records, gate)
    return result


def server_of(name: str) -> str:
    """The balancer's name for a container: the end of its name."""
    return name.rpartition("-")[2]


def start_instance(
    setup: Setup, name: str, address: str, records: Path, balancer: Balancer
) -> Container | Instance:
    for_leaving = {"SERVER": server_of(name), "BALANCER": f"{HOST}/{balancer.runtime_port}"}  # see apps/leave.sh
    env = {**ENVIRONMENT, **for_leaving, **setup.env}
    mounts = [f"{HERE}/apps:/apps:ro", f"{WEB_FILES}:/www:ro", f"{CLASSES}:/classes:ro", f"{records}:/records"]
    command = (LENGTHS_APPS if setup.seed else APPS)[setup.app]
    if not setup.docker:
        return new_instance(name, [*setup.init, *command], address, env, mounts)
    return start_container(name, [*setup.init, *command], address, env, mounts, image=setup.image)


def end_instance(container: Container | Instance, directory: Path) -> None:
    """Removes the container, and keeps its log."""
    (directory / f"{container.name}.log").write_text(container.logs())
    container.remove()


def make_files() -> None:
    """Makes the files for nginx and Java. Called once, before the first restart."""
    WEB_FILES.mkdir()
    (WEB_FILES / "fast").write_bytes(b"x" * 1000 + b"end\n")
    (WEB_FILES / "slow").write_bytes(b"x" * 65536 + b"end\n")
    CLASSES.mkdir()
    run("javac", "-d", CLASSES, HERE / "apps/Shop.java")


@contextlib.contextmanager
def backend() -> Iterator[None]:
    """Runs the waitress behind nginx."""
    command = ["waitress-serve", f"--listen={HOST}:{BACKEND_PORT}", "--threads=200", "shop:app"]
    with (STATE / "backend.log").open("wb") as log:
        server = subprocess.Popen(command, env={**os.environ, **ENVIRONMENT}, cwd=HERE / "apps", stdout=log, stderr=log)
    try:
        yield
    finally:
        server.kill()
        server.wait()


def restart_all(
    setup: Setup,
    balancer: Balancer,
    containers: list[Container | Instance],
    records: Path,
    gate: threading.Barrier | None,
) -> Result:
    for container in containers:
        wait_for_app(container)
    with running(balancer), company(setup, balancer, containers):
        balancer.wait_for(*(server_of(container.name) for container in containers))
        if gate:
            with contextlib.suppress(threading.BrokenBarrierError):  # one of them has failed
                gate.wait()
        with load(setup, balancer) as counts:
            time.sleep(LEAD_S)
            stops = [restart_one(setup, balancer, container) for container in containers]
            time.sleep(LEAD_S)
        tried_again = balancer.tried_again()
    times, statuses = zip(*stops)
    requests, orders = counts["requests"], counts["orders"]
    twice = 0 if setup.seed else executed_twice(records, orders)
    return Result(requests, orders, twice, tried_again, times, statuses)


def restart_one(setup: Setup, balancer: Balancer, container: Container | Instance) -> tuple[float, int]:
    """Returns the time until it stopped, and its exit status."""
    server = server_of(container.name)
    took_s = container.stop(setup.stop_s)
    status = container.status()
    container.start()
    if setup.put_back:
        wait_for_app(container)
        balancer.set_state(server, "ready")
    balancer.wait_for(server)
    return took_s, status


def wait_for_app(container: Container | Instance) -> None:
    def listens() -> bool:
        with contextlib.suppress(OSError), socket.create_connection((container.address, APP_PORT), timeout=1):
            return True
        return False

    wait_until(f"{container.name} listens", listens)


@contextlib.contextmanager
def running(balancer: Balancer) -> Iterator[None]:
    balancer.start()
    try:
        yield
    finally:
        balancer.stop()


def company(
    setup: Setup, balancer: Balancer, containers: list[Container | Instance]
) -> contextlib.AbstractContextManager[None]:
    return setup.company(balancer, containers) if setup.company else contextlib.nullcontext()


@contextlib.contextmanager
def load(setup: Setup, balancer: Balancer) -> Iterator[dict[str, Counts]]:
    """Runs the client. At the end, the dictionary gets its counts, as "requests" and "orders"."""
    counts: dict[str, Counts] = {}
    kind = ["--lengths", f"{setup.seed} {setup.app}"] if setup.seed else [str(balancer.orders_port)]
    command = [sys.executable, str(HERE / "client.py"), str(balancer.port), *kind]
    client = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        yield counts
        client.terminate()
        printed = json.loads(client.communicate(timeout=PATIENCE_S)[0])
        counts.update({kind: Counts(**numbers) for kind, numbers in printed.items()})
    finally:
        client.kill()
        client.wait()


def executed_twice(records: Path, orders: Counts) -> int:
    executions = collections.Counter(order_ids(records / "orders"))
    answered = orders.requests - orders.failures
    if len(executions) < answered:
        raise Failed(f"{answered} orders were answered, but only {len(executions)} are recorded")
    return sum(1 for times in executions.values() if times > 1)


def order_ids(file: Path) -> Iterator[str]:
    """Returns the IDs: one in each line, or in one of the two lines that nginx logs for a rewritten request."""
    for line in file.read_text().splitlines():
        if '" matches "' in line:
            yield line.partition("/order?id=")[2].partition(" ")[0]
        elif "rewritten data:" not in line:
            yield line
