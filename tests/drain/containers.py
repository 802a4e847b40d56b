"""A separate dockerd, which does not affect other programs on this machine.

isolate() starts the calling program again in new PID, mount, network and IPC namespaces, with an empty /run. The kernel
removes the namespaces and all processes in them when the program exits, in any way. So dockerd uses its usual paths,
all below /run, and the addresses are free to choose.

The image needs no registry: it has a few empty directories and symbolic links, and the host's /usr and /etc are mounted
into it read-only, so each program that is installed here runs in a container.

Needs root, Debian's docker.io, iproute2 and util-linux.
"""

import contextlib
import io
import ipaddress
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

ROOT = Path(__file__).resolve().parents[2]
LULL = Path(os.environ.get("LULL", ROOT / "build/lull")).resolve()

STATE = Path("/run/lull-tests")  # for files of a test; empty at the start, removed at the end
NETWORK = ipaddress.ip_network("10.77.0.0/16")
HOST = str(NETWORK[1])  # this side of the bridge
BRIDGE = "tests0"
IMAGE = "host"
DIRECTORIES = ("usr", "etc", "proc", "sys", "dev", "run", "tmp", "var", "var/tmp", "var/log", "root")
LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # to those in usr
T = TypeVar("T")
PATIENCE_S = 60.0  # for events that come immediately on an idle machine

ISOLATED = "ISOLATED_TESTS"  # set in the environment of a program that isolate() started


class Failed(Exception):
    """An error that ends the tests: the text has the reason and what to do."""


def run(*command: str | Path, input: bytes | None = None, timeout: float = PATIENCE_S) -> str:
    """Runs a command to its end and returns what it printed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, input=input, capture_output=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)}: status {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace").strip()


def wait_until(what: str, is_true: Callable[[], T], timeout: float = PATIENCE_S, step: float = 0.05) -> T:
    """Calls is_true() until the result is true, and returns it."""
    deadline = time.monotonic() + timeout
    while not (answer := is_true()):
        if time.monotonic() > deadline:
            raise Failed(f"timeout after {timeout:g} s: {what}")
        time.sleep(step)
    return answer


# --- Namespaces ---------------------------------------------------------------------------------------------------


def isolate() -> None:
    """Starts the program again in its own namespaces, and returns only there."""
    if ISOLATED not in os.environ:
        require_isolation()
        start_again()
    del os.environ[ISOLATED]
    mount_tmpfs(Path("/run"))
    STATE.mkdir()
    run("ip", "link", "set", "lo", "up")


def require_isolation() -> None:
    if os.geteuid() != 0:
        raise Failed("containers and namespaces need root")
    if not os.access(LULL, os.X_OK):
        raise Failed(f"{LULL} is missing: run make")


def start_again() -> NoReturn:
    """Starts the program under lull, which reaps the orphans of dockerd."""
    namespaces = ["--pid", "--mount", "--net", "--ipc", "--fork", "--kill-child", "--mount-proc"]
    inside = [str(LULL), "--timeout", "5s", "--", sys.executable, *sys.argv]
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "unshare", *namespaces, *inside],
        env={**os.environ, ISOLATED: "1"},
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: child.kill())  # the kernel kills the other processes
    status = child.wait()
    sys.exit(status if status >= 0 else 128 - status)


def mount_tmpfs(at: Path) -> None:
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", at)


# --- Docker -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Container:
    name: str
    address: str

    def stop(self, grace_s: int) -> float:
        """Stops it with `docker stop -t`. Returns the time in seconds."""
        begun = time.monotonic()
        run("docker", "stop", "-t", str(grace_s), self.name, timeout=grace_s + PATIENCE_S)
        return time.monotonic() - begun

    def start(self) -> None:
        run("docker", "start", self.name)

    def status(self) -> int:
        """The exit status of a stopped container."""
        return int(run("docker", "inspect", "-f", "{{.State.ExitCode}}", self.name))

    def logs(self) -> str:
        """Its stdout and stderr, since its creation."""
        logs = ["docker", "logs", self.name]
        done = subprocess.run(logs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.stdout.decode(errors="replace")

    def remove(self) -> None:
        run("docker", "rm", "-f", self.name)


@contextlib.contextmanager
def docker(*options: str) -> Iterator[None]:
    """Runs dockerd with these options, and makes the image and the network."""
    if not STATE.is_dir():
        raise Failed("this needs isolate(): on the host it would take dockerd's usual paths")
    log = STATE / "dockerd.log"
    command = ["dockerd", "--data-root", "/run/docker-data", "--bridge", "none"]
    command += ["--iptables=false", "--ip6tables=false"]
    with log.open("wb") as out:
        daemon = subprocess.Popen([*command, *options], stdout=out, stderr=out)
    try:
        wait_for_daemon(daemon, log)
        make_image()
        bridge = f"com.docker.network.bridge.name={BRIDGE}"
        run("docker", "network", "create", "--subnet", str(NETWORK), "--gateway", HOST, "--opt", bridge, "tests")
        yield
    finally:
        end_daemon(daemon)


def wait_for_daemon(daemon: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        if daemon.poll() is not None:
            raise Failed(f"dockerd ended with status {daemon.returncode}:\n{tail(log)}")
        return subprocess.run(["docker", "version"], capture_output=True, check=False).returncode == 0

    try:
        wait_until("dockerd answers", answers, step=0.2)
    except Failed as failure:
        raise Failed(f"{failure}\n{tail(log)}") from failure


def end_daemon(daemon: subprocess.Popen[bytes]) -> None:
    """Stops dockerd with SIGTERM, so that it removes its cgroups. The rest is removed with the namespaces."""
    left = subprocess.run(["docker", "ps", "-aq"], capture_output=True, text=True, check=False).stdout.split()
    if left:
        subprocess.run(["docker", "rm", "-f", *left], capture_output=True, check=False)
    daemon.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        daemon.wait(PATIENCE_S)


def tail(file: Path, lines: int = 15) -> str:
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:])


def make_image(name: str = IMAGE, *changes: str) -> None:
    """An image of directories and links; changes are lines of a Dockerfile, like 'HEALTHCHECK ...' or 'LABEL ...'."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for directory in DIRECTORIES:
            add_to(tar, directory, tarfile.DIRTYPE)
        for link in LINKS:
            add_to(tar, link, tarfile.SYMTYPE, f"usr/{link}")
    options = [word for change in changes for word in ("--change", change)]
    run("docker", "import", *options, "-", name, input=archive.getvalue())


def add_to(tar: tarfile.TarFile, name: str, kind: bytes, target: str = "") -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.mode = kind, target, 0o755
    tar.addfile(member)


def start_container(
    name: str,
    command: Sequence[str | Path],
    address: str,
    env: Mapping[str, str] | None = None,
    mounts: Sequence[str] = (),
    options: Sequence[str] = (),
    image: str = IMAGE,
) -> Container:
    """`docker run` of an installed program, on a read-only root. A mount is written as for --volume.

    lull is mounted at /lull. The first argument of the command is PID 1 of the container.
    """
    words = ["docker", "run", "--detach", "--name", name, "--network", "tests", "--ip", address, "--read-only"]
    for mount in ("/usr:/usr:ro", "/etc:/etc:ro", f"{LULL}:/lull:ro", *mounts):
        words += ["--volume", mount]
    for directory in ("/tmp", "/run", "/var/tmp"):
        words += ["--tmpfs", directory]
    for key, value in (env or {}).items():
        words += ["--env", f"{key}={value}"]
    run(*words, *options, image, *command)
    return Container(name, address)


def address_of(group: int, member: int) -> str:
    """The address of a group's member: both from 1 to 250."""
    return str(NETWORK.network_address + 256 * group + member)


# `containers.py COMMAND...` runs a command with `docker` and the image, for tests in other languages and for debugging.
# STATE is a directory for its files.
def main() -> int:
    isolate()
    with docker():
        return subprocess.run(sys.argv[1:] or ["bash"], env={**os.environ, "STATE": str(STATE)}, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failure:
        sys.exit(f"containers: {failure}")
