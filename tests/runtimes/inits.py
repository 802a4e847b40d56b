"""The same tests for the init of a real container runtime, and for lull instead of it.

A Way is how a container gets its init: `docker run --init` with one daemon or another, or an image with lull as its
ENTRYPOINT. The images contain tests/helpers/probe.c, which prints each signal, and busybox, both static. The tests run
in their own namespaces (tests/drain/containers.py) and see the processes of the containers.
"""

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "orchestrators"))

from common import Tap, archive_of, isolate, main, must  # noqa: E402, F401
from containers import LULL, PATIENCE_S, ROOT, STATE, Failed, run, tail, wait_until  # noqa: E402, F401

PROBE = Path(os.environ.get("PROBE", ROOT / "build/tests/probe"))
PTY = Path(os.environ.get("PTY", ROOT / "build/tests/pty"))
BUSYBOX = Path("/bin/busybox")

PLAIN = "plain"  # an image without an init
WRAPPED = "wrapped"  # the same with ENTRYPOINT ["/lull", "--"]
QUITS = {PLAIN: "plain-quits", WRAPPED: "wrapped-quits"}  # the same with STOPSIGNAL SIGQUIT
COUNTER = itertools.count(1)


# --- Files ----------------------------------------------------------------------------------------------------------


def static_lull(name: str) -> Path:
    """Copies lull to a path with this name."""
    path = STATE / "inits" / name
    path.parent.mkdir(exist_ok=True)
    shutil.copy(LULL, path)
    return path


def plain_files() -> dict[str, Path]:
    words = subprocess.run(["ldd", BUSYBOX], capture_output=True, text=True, check=False)
    must(words.returncode != 0, f"{BUSYBOX} is not static: busybox-static is needed")
    return {"bin/busybox": BUSYBOX, "bin/sh": BUSYBOX, "probe": PROBE}


def plain_archive() -> bytes:
    return archive_of([], plain_files())


def wrapped_archive(name: str = "lull", program: Path = LULL) -> bytes:
    return archive_of([], {**plain_files(), name: program})


# --- An engine ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Engine:
    """docker with the socket of one daemon, or podman with the files of one configuration."""

    command: tuple[str, ...]

    def run(self, *words: object, input: bytes | None = None) -> str:
        return run(*self.words(*words), input=input)

    def try_to(self, *words: object) -> None:
        """Runs a command that may fail."""
        subprocess.run(self.words(*words), capture_output=True, check=False)

    def words(self, *words: object) -> list[str]:
        """The whole command line."""
        return [*self.command, *(str(word) for word in words)]

    def add_image(self, name: str, archive: bytes, *changes: str) -> None:
        options = [word for change in changes for word in ("--change", change)]
        self.run("import", *options, "-", name, input=archive)

    def add_images(self) -> None:
        self.add_image(PLAIN, plain_archive(), 'CMD ["/probe"]')
        self.add_image(WRAPPED, wrapped_archive(), 'ENTRYPOINT ["/lull", "--"]', 'CMD ["/probe"]')
        for name, more in QUITS.items():
            self.run("build", "-t", more, "-", input=f"FROM {name}\nSTOPSIGNAL SIGQUIT\n".encode())


class Container:
    def __init__(self, engine: Engine, name: str) -> None:
        self.engine, self.name = engine, name

    def inspect(self, what: str) -> str:
        return self.engine.run("inspect", "-f", "{{" + what + "}}", self.name)

    def pid(self) -> int:
        """The PID of its first process, in this namespace."""
        return int(self.inspect(".State.Pid"))

    def status(self) -> int:
        """Waits until it exits, and returns its status."""
        return int(self.engine.run("wait", self.name).splitlines()[-1])

    def output(self) -> tuple[str, str]:
        """Its stdout and stderr."""
        done = subprocess.run(
            self.engine.words("logs", self.name), capture_output=True, text=True, errors="replace", check=False
        )
        return done.stdout, done.stderr

    def logs(self) -> str:
        return "".join(self.output())

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Waits for a log line that begins with the pattern."""

        def found() -> re.Match[str] | None:
            return re.search(f"^{pattern}", self.logs(), re.MULTILINE)

        try:
            return wait_until(f"a line like {pattern}", found, step=0.1)
        except Failed as failure:
            raise Failed(f"{failure}\n{self.logs()}") from failure

    def got(self) -> list[int]:
        """The signals that its probe got, in order."""
        return [int(signo) for signo in re.findall(r"^got (\d+) ", self.logs(), re.MULTILINE)]

    def kill(self, name: str) -> None:
        self.engine.run("kill", "--signal", name, self.name)

    def stop(self, grace_s: int | None = None) -> int:
        """Returns the time in ms until it has stopped."""
        begun = time.monotonic()
        self.engine.run("stop", *(["-t", grace_s] if grace_s is not None else []), self.name)
        return int((time.monotonic() - begun) * 1000)

    def remove(self) -> None:
        self.engine.try_to("rm", "-f", self.name)


# --- A way ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Way:
    name: str
    engine: Engine
    real: bool = False
    options: Sequence[str] = ()  # of `run`
    image: str = PLAIN
    path: str = ""  # of the init, in a container
    network: Sequence[str] = ("--network", "none")

    def words(self, *command: str, options: Sequence[str] = (), image: str = "") -> list[str]:
        return [*self.options, *self.network, *options, image or self.image, *command]

    @contextlib.contextmanager
    def start(self, *command: str, options: Sequence[str] = (), image: str = "") -> Iterator[Container]:
        """Runs a container in the background, and removes it at the end."""
        container = Container(self.engine, f"c{next(COUNTER)}")
        try:
            self.engine.run("run", "-d", "--name", container.name, *self.words(*command, options=options, image=image))
            yield container
        except Exception as failure:
            raise Failed(f"{failure}\n{container.logs()}") from failure
        finally:
            container.remove()

    @contextlib.contextmanager
    def probe(self, *words: str, options: Sequence[str] = (), image: str = "") -> Iterator[Container]:
        """The same with the probe. Waits until it is ready."""
        with self.start("/probe", *words, options=options, image=image) as container:
            container.wait_for("ready ")
            yield container


# --- Processes, in this namespace -----------------------------------------------------------------------------------


def children_of(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def state_of(pid: int) -> str:
    """A letter as in proc(5), or "" if there is no such process."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]
    return ""


def own_pid(pid: int) -> int:
    """The PID in the innermost PID namespace; 0 if there is no such process."""
    with contextlib.suppress(OSError):
        return int(re.findall(r"^NSpid:.*\t(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[0])
    return 0


# --- Times ----------------------------------------------------------------------------------------------------------

LATEST_MS = 30000  # the allowed delay on a slow machine; only the lower bounds prove something


def now_ms() -> int:
    """The time by the clock that the probe prints."""
    return int(float(Path("/proc/uptime").read_text().split()[0]) * 1000)


def must_take(took_ms: int, least_ms: int) -> None:
    must(least_ms <= took_ms <= least_ms + LATEST_MS, f"it took {took_ms} ms, expected: {least_ms} ms")


# --- A container's exit, and the signals of its probe ---------------------------------------------------------------


def env(**values: str) -> list[str]:
    return [word for name, value in values.items() for word in ("-e", f"{name}={value}")]


def must_have_got(container: Container, *signals: int) -> None:
    must(container.got() == list(signals), f"it got {container.got()}, not {list(signals)}")


def must_end(container: Container, status: int) -> None:
    ended = container.status()
    must(ended == status, f"the status is {ended}, not {status}")


def orphan_of(container: Container) -> int:
    """The orphan of `probe orphan`: a child of the container's first process, and not the app."""
    container.wait_for(r"ready (?s:.*)^ready ")

    def came() -> int | None:
        children = {own_pid(pid): pid for pid in children_of(container.pid())}
        last = max((int(pid) for pid in re.findall(r"^ready (\d+)", container.logs(), re.MULTILINE)))
        return children.get(last)

    return wait_until("the orphan has come", came)


def must_reap(container: Container) -> None:
    """Kills the orphan of `probe orphan`. The container's first process must reap it."""
    orphan = orphan_of(container)
    os.kill(orphan, signal.SIGKILL)
    wait_until("the orphan is gone", lambda: not state_of(orphan))


# --- Behaviours -----------------------------------------------------------------------------------------------------


class Behaviours:
    """A test for each behaviour, with all ways in parallel, and its line in the table DROPIN_TABLE.

    The test is a function of the way. It returns the text for the table, or None if the behaviour is as in the title.
    """

    def __init__(self, tap: Tap, what: str, ways: Sequence[Way]) -> None:
        self.tap, self.what, self.ways = tap, what, ways

    def ask(self, name: str, body: Callable[[Way], str | None], ways: Sequence[Way] | None = None) -> None:
        asked = self.ways if ways is None else ways
        shown = {way: "**failed**" for way in asked}

        def each(way: Way) -> None:
            shown[way] = body(way) or "yes"

        self.tap.check(f"{self.what}: {name}", lambda: in_parallel(each, asked))
        self.enter(name, shown)

    def enter(self, name: str, shown: Mapping[Way, str]) -> None:
        table = os.environ.get("DROPIN_TABLE")
        real = next((text for way, text in shown.items() if way.real), "")
        ours = dict.fromkeys(text for way, text in shown.items() if not way.real)
        if table:
            with open(table, "a") as file:
                file.write(f"| {self.what} | {name} | {real} | {'; '.join(ours)} |\n")


def in_parallel(body: Callable[[Way], None], ways: Sequence[Way]) -> None:
    """Runs the body for each way. Raises Failed with the names of those that failed."""

    def guarded(way: Way) -> str:
        try:
            body(way)
        except Exception as failure:
            return f"{way.name}: {type(failure).__name__}: {failure}\n"
        return ""

    with ThreadPoolExecutor(len(ways)) as pool:
        failures = "".join(pool.map(guarded, ways))
    if failures:
        raise Failed(failures)


# --- Docker ---------------------------------------------------------------------------------------------------------


class Daemon:
    """A dockerd that does not touch others: all its files are below a directory of its own."""

    def __init__(self, name: str, *options: str) -> None:
        self.home = STATE / name
        self.home.mkdir()
        self.log = self.home / "log"
        host = f"unix://{self.home}/socket"
        self.engine = Engine(("docker", "-H", host))
        command = ["dockerd", "-H", host, "--data-root", self.home / "data", "--exec-root", self.home / "exec"]
        command += ["--pidfile", self.home / "pid", "--bridge", "none", "--iptables=false", "--ip6tables=false"]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen([*command, *options], stdout=out, stderr=out)

    def wait(self) -> None:
        def answers() -> bool:
            must(self.process.poll() is None, f"dockerd has ended:\n{tail(self.log)}")
            return subprocess.run(self.engine.words("version"), capture_output=True, check=False).returncode == 0

        wait_until(f"dockerd answers:\n{self.log}", answers, step=0.2)

    def end(self) -> None:
        """It removes its cgroups when it ends in peace; all else goes with the world."""
        listing = subprocess.run(self.engine.words("ps", "-aq"), capture_output=True, text=True, check=False)
        if left := listing.stdout.split():
            self.engine.try_to("rm", "-f", *left)
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def daemons(**options: Sequence[str]) -> Iterator[dict[str, Daemon]]:
    """One for each name, with those options, and the images."""
    started = {name: Daemon(name, *words) for name, words in options.items()}
    try:
        for daemon in started.values():
            daemon.wait()
            daemon.engine.add_images()
        yield started
    finally:
        enders = [threading.Thread(target=daemon.end) for daemon in started.values()]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()


@contextlib.contextmanager
def docker_ways() -> Iterator[tuple[list[Way], dict[str, Daemon]]]:
    """`docker run --init` with what Docker has, with lull, and lull as ENTRYPOINT without --init."""
    with daemons(real=(), lull=("--init-path", str(static_lull("lull")))) as started:
        real, lull = started["real"].engine, started["lull"].engine
        ways = [
            Way("docker-init", real, real=True, options=("--init",), path="/sbin/docker-init"),
            Way("lull", lull, options=("--init",), path="/sbin/docker-init"),
            Way("lull as ENTRYPOINT", lull, image=WRAPPED, path="/lull"),
        ]
        yield ways, started
