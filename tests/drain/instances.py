"""Containers made of namespaces alone: a program as PID 1 of its own PID, mount and network namespaces.

An instance has the methods of containers.Container. It starts and stops as `docker run` and `docker stop` do, in a
twentieth of the time: Docker takes 4 s of CPU time to start, restart and remove one. It needs docker() around it, for
the network.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from containers import BRIDGE, DIRECTORIES, LINKS, LULL, NETWORK, PATIENCE_S, STATE, Failed, run, wait_until

MS_RDONLY, MS_REMOUNT, MS_BIND = 1, 32, 4096  # sys/mount.h
LIBC = ctypes.CDLL(None, use_errno=True)
EMPTIED = ("tmp", "run", "var/tmp")  # at each start


def checked(result: int, what: str) -> None:
    if result != 0:
        raise Failed(f"{what}: {os.strerror(ctypes.get_errno())}")


def bind(source: str, target: Path) -> None:
    """Bind-mounts the source, read-only if it ends with ":ro"."""
    path = source.removesuffix(":ro")
    if os.path.isdir(path):
        target.mkdir(exist_ok=True)
    else:
        target.touch()
    checked(LIBC.mount(path.encode(), bytes(target), None, MS_BIND, None), f"mount {path}")
    if path != source:
        flags = MS_BIND | MS_REMOUNT | MS_RDONLY
        checked(LIBC.mount(None, bytes(target), None, flags, None), f"mount {path} read-only")


class Instance:
    def __init__(self, name: str, address: str, command: Sequence[str], env: Mapping[str, str]):
        self.name, self.address, self.command, self.env = name, address, command, dict(env)
        self.directory = Path(tempfile.mkdtemp(prefix=name, dir=STATE))
        self.directory.chmod(0o755)
        self.root = self.directory / "root"
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self, mounts: Sequence[str]) -> None:
        """Makes a root directory, and a network namespace on Docker's bridge."""
        self.root.mkdir()
        for directory in DIRECTORIES:
            (self.root / directory).mkdir()
        for link in LINKS:
            (self.root / link).symlink_to(f"usr/{link}")
        for mount in ("/usr:/usr:ro", "/etc:/etc:ro", "/dev:/dev", f"{LULL}:/lull:ro", *mounts):
            source, _, target = mount.removesuffix(":ro").partition(":")
            bind(source + ":ro" * mount.endswith(":ro"), self.root / target.lstrip("/"))
        end, inner = f"v-{self.name}", "eth0"
        lines = [
            f"netns add {self.name}",
            f"link add {end} type veth peer name {inner} netns {self.name}",
            f"link set {end} master {BRIDGE} up",
        ]
        inside = ["link set lo up", f"link set {inner} up"]
        inside += [f"address add {self.address}/{NETWORK.prefixlen} dev {inner}"]
        run("ip", "-batch", "-", input="\n".join(lines).encode())
        run("ip", "-netns", self.name, "-batch", "-", input="\n".join(inside).encode())

    def start(self) -> None:
        for directory in EMPTIED:
            shutil.rmtree(self.root / directory)
            (self.root / directory).mkdir(mode=0o1777)
        namespaces = ["--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc", f"--root={self.root}"]
        words = ["nsenter", f"--net=/run/netns/{self.name}", "unshare", *namespaces, "--wd=/", *self.command]
        env = {"PATH": os.environ["PATH"], "HOME": "/root", **self.env}
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def first_process(self) -> int:
        """Its PID in this namespace."""
        assert self.process
        pid = self.process.pid
        return int(wait_until(f"{self.name} has a process", Path(f"/proc/{pid}/task/{pid}/children").read_text))

    def stop(self, grace_s: int) -> float:
        """Sends SIGTERM, and SIGKILL after the grace period. Returns the time in seconds."""
        assert self.process
        pid = self.first_process()
        begun = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        try:
            self.process.wait(grace_s)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):  # it has just exited
                os.kill(pid, signal.SIGKILL)
            self.process.wait(PATIENCE_S)
        return time.monotonic() - begun

    def status(self) -> int:
        """The exit status as in a shell: 128 + the signal if it was killed."""
        assert self.process
        code = self.process.wait(PATIENCE_S)
        return code if code >= 0 else 128 - code

    def logs(self) -> str:
        return (self.directory / "log").read_text(errors="replace")

    def remove(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        run("ip", "netns", "delete", self.name)


def new_instance(
    name: str, command: Sequence[str], address: str, env: Mapping[str, str], mounts: Sequence[str]
) -> Instance:
    """The arguments are those of containers.start_container."""
    instance = Instance(name, address, command, env)
    instance.prepare(mounts)
    instance.start()
    return instance
