"""One rolling restart: three containers behind a balancer, under load, stopped and started again one after the other.

A Setup says what is restarted, a Result what came of it. Nothing here judges.
"""

import collections
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from balancer import Balancer, Check
from containers import IMAGE, PATIENCE_S, STATE, Container, Failed, address_of, start_container, wait_until

HERE = Path(__file__).resolve().parent
INSTANCES = 3
APP_PORT = 8000
READY_PORT = 9000
DELAY_S = 3.0  # fixed beforehand: more than fall x inter + the longest request, see balancer.py and apps/
STOP_S = 6  # docker stop -t: the delay, and time for the app
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

ENVIRONMENT = {
    "PYTHONPATH": "/apps",
    "PYTHONDONTWRITEBYTECODE": "1",
    "NODE_PATH": "/usr/share/nodejs",
    "NODE_ENV": "production",
    "DELAY": f"{DELAY_S:g}",  # for apps/entrypoint.sh
}


@dataclass(frozen=True)
class Setup:
    """What is put together for one restart."""

    name: str  # unique in a run
    app: str
    init: tuple[str, ...] = ()  # the words before the app's own
    check: Check = Check()
    env: dict[str, str] = field(default_factory=dict)
    image: str = IMAGE
    # Called with the balancer and the containers, for the time of the load: somebody else who acts, as a controller.
    company: Callable[[Balancer, list[Container]], contextlib.AbstractContextManager] | None = None
    put_back: bool = False  # whoever restarts it also tells the balancer when it is there again


@dataclass(frozen=True)
class Result:
    requests: dict  # as client.py prints it
    orders: dict
    twice: int  # orders that were executed more than once
    connection_retries: int  # by the balancer, for both kinds
    stop_s: list[float]
    statuses: list[int]

    @property
    def failed(self) -> int:
        return sum(self.requests["failed"].values())

    @property
    def orders_failed(self) -> int:
        return sum(self.orders["failed"].values())


def restart(setup: Setup, number: int) -> Result:
    """The number, from 1 to 250, is nobody else's in this run."""
    directory = STATE / str(number)
    records = directory / "records"
    records.mkdir(parents=True)
    addresses = [address_of(number, n) for n in range(1, INSTANCES + 1)]
    balancer = Balancer(directory, number, addresses, APP_PORT, setup.check)
    with contextlib.ExitStack() as stack:
        containers = [start_instance(setup, f"t{number}-s{n}", address, records, balancer) for n, address in
                      enumerate(addresses, 1)]
        for container in containers:
            stack.callback(container.remove)
        return restart_all(setup, balancer, containers, records)


def start_instance(setup: Setup, name: str, address: str, records: Path, balancer: Balancer) -> Container:
    name_in_balancer = name.rpartition("-")[2]
    env = {**ENVIRONMENT, **setup.env, "SERVER": name_in_balancer, "RUNTIME_PORT": str(balancer.runtime_port)}
    mounts = [f"{HERE}/apps:/apps:ro", f"{web_files()}:/www:ro", f"{records}:/records"]
    return start_container(name, [*setup.init, *APPS[setup.app]], address, env, mounts, image=setup.image)


def web_files() -> Path:
    """What nginx serves."""
    directory = STATE / "www"
    with contextlib.suppress(FileExistsError):
        directory.mkdir()
        (directory / "fast").write_bytes(b"x" * 1000 + b"end\n")
        (directory / "slow").write_bytes(b"x" * 65536 + b"end\n")
    return directory


def restart_all(setup: Setup, balancer: Balancer, containers: list[Container], records: Path) -> Result:
    stop_s, statuses = [], []
    with running(balancer), company(setup, balancer, containers):
        for n in range(1, INSTANCES + 1):
            wait_until(f"HAProxy sees s{n} of {setup.name} up", lambda n=n: balancer.is_up(f"s{n}"))
        with load(balancer) as counts:
            time.sleep(LEAD_S)
            for n, container in enumerate(containers, 1):
                stop_s.append(round(container.stop(STOP_S), 2))
                statuses.append(container.status())
                container.start()
                if setup.put_back:
                    put_back(balancer, f"s{n}", container)
                balancer.wait_for(f"s{n}")
            time.sleep(LEAD_S)
        retries = balancer.connection_retries()
    return Result(counts["requests"], counts["orders"], executed_twice(records, counts), retries, stop_s, statuses)


@contextlib.contextmanager
def running(balancer: Balancer) -> Iterator[None]:
    balancer.start()
    try:
        yield
    finally:
        balancer.stop()


def company(setup: Setup, balancer: Balancer, containers: list[Container]) -> contextlib.AbstractContextManager:
    return setup.company(balancer, containers) if setup.company else contextlib.nullcontext()


@contextlib.contextmanager
def load(balancer: Balancer) -> Iterator[dict]:
    """The client's counts are in the dictionary once this is over."""
    counts: dict = {}
    command = [sys.executable, str(HERE / "client.py"), str(balancer.port), str(balancer.orders_port)]
    client = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        yield counts
        client.terminate()
        counts.update(json.loads(client.communicate(timeout=PATIENCE_S)[0]))
    finally:
        client.kill()
        client.wait()


def put_back(balancer: Balancer, server: str, container: Container) -> None:
    raise NotImplementedError


def executed_twice(records: Path, counts: dict) -> int:
    executions = collections.Counter(order_ids(records / "orders"))
    if len(executions) < counts["orders"]["good"]:
        raise Failed(f"{counts['orders']['good']} orders were answered, but only {len(executions)} are recorded")
    return sum(1 for times in executions.values() if times > 1)


def order_ids(file: Path) -> Iterator[str]:
    """One a line; or, where nginx wrote it, in one of the two lines that its rewriting logs, as the request."""
    for line in file.read_text().splitlines():
        if '" matches "' in line:
            yield line.partition("/order?id=")[2].partition(" ")[0]
        elif "rewritten data:" not in line:
            yield line
