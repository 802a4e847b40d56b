"""One run of a scenario: lull, strace, and the waits of the scenario. Independent of scenarios and exceptions.

A worker is PID 1 of a new PID namespace, so that its /proc has only the processes of the run: remaining ones are found.
"""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import exceptions

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOLS = Path(os.environ.get("TOOLS", ROOT / "build/tests"))
LULL = Path(os.environ.get("LULL", ROOT / "build/lull"))
PROBE = str(TOOLS / "probe")
LAUNCH = str(TOOLS / "launch")

# A wait that takes longer counts as broken.
PATIENCE_S = float(os.environ.get("PATIENCE_S", 20))
HOPELESS_S = 3  # the same for events that may be missing
LATEST_S = 8  # the latest time for an event after its planned time


class Broken(Exception):
    """lull did not behave as in lull.1."""


class Ended(Exception):
    """lull exited before the event that the scenario waits for."""


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def others() -> list[int]:
    """All other processes of this namespace."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != 1]


def describe(pid: int) -> str:
    try:
        return f"{pid} {Path(f'/proc/{pid}/cmdline').read_bytes().decode(errors='replace')}".replace("\0", " ")
    except OSError:
        return str(pid)


def status_of(pid: int) -> str:
    """The text of proc_pid_status(5), or "" if the process has exited."""
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ""


class Run:
    def __init__(self, job: dict, directory: Path) -> None:
        self.job = job
        self.directory = directory
        self.streams: dict[str, bytearray] = {}
        self.fds: dict[str, int] = {}  # of those that are open
        self.status: int | None = None
        self.cpu_s = 0.0
        self.launcher = 0
        self.strace: subprocess.Popen | None = None
        self.trace = directory / "trace"
        self.sides: list[subprocess.Popen] = []
        self.losses: list[str] = []
        self.hopeless = False  # the run is broken already
        self.sent: list[int] = []
        self.not_sent: dict[int, int] = {}  # for each signal, lull's "cannot send" lines before the test sent it
        self.runs = False
        self.master = -1  # of the terminal
        self.err_file: Path | None = None

    # --- Streams ---

    def follow(self, name: str, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fds[name] = fd
        self.streams[name] = bytearray()

    def text(self, name: str) -> str:
        return self.streams.get(name, b"").decode(errors="replace")

    @property
    def out(self) -> str:
        return self.text("out")

    @property
    def err(self) -> str:
        if self.err_file is not None:
            return self.err_file.read_text(errors="replace")
        return self.text("out" if self.master >= 0 else "err")

    def pump(self, timeout_s: float) -> None:
        """Reads the available output, and checks whether lull has exited."""
        poll = select.poll()
        for fd in self.fds.values():
            poll.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(timeout_s * 1000)}
        for name, fd in list(self.fds.items()):
            if fd in ready:
                self.read(name, fd)
        if self.launcher and self.status is None:
            pid, status, usage = os.wait4(self.launcher, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                self.cpu_s = usage.ru_utime + usage.ru_stime

    def read(self, name: str, fd: int) -> None:
        try:
            data = os.read(fd, 65536)
        except OSError:  # a terminal without an open descriptor
            data = b""
        self.streams[name] += data
        if not data:
            os.close(self.fds.pop(name))

    # --- Waiting ---

    def wait(self, what: str, is_true: Callable[[], object], dies: bool = False) -> None:
        """Waits until the condition is true. Raises Ended if lull exits before that, except with `dies`."""
        allowed = self.hopeless or exceptions.find_for(self.job, f"never came: {what}")
        end = now() + (HOPELESS_S if allowed else PATIENCE_S)
        while not is_true():
            if self.status is not None and not dies:
                self.pump(0)
                if is_true():
                    return
                raise Ended(what)
            if now() > end:
                raise Broken(f"never came: {what}")
            self.pump(0.01)

    def wait_or_lose(self, what: str, is_true: Callable[[], object]) -> bool:
        """Waits for a shorter time if this fault may cause the loss. Returns whether the condition became true."""
        end = now() + (HOPELESS_S if exceptions.find_for(self.job, what) else PATIENCE_S)
        while not is_true() and self.status is None:
            if now() > end:
                self.lose(what)
                return False
            self.pump(0.01)
        return True

    # --- lull ---

    def start(
        self,
        words: list[str],
        app: list[str],
        *,
        name: str = "lull",
        pid1: bool = False,
        terminal: bool = False,
        zombie: bool = False,
        env: dict[str, str] | None = None,
        stderr: str = "pipe",
    ) -> None:
        link = self.directory / name
        link.unlink(missing_ok=True)
        link.symlink_to(LULL)
        ours, its = socket.socketpair()
        command = [LAUNCH, str(its.fileno())]
        command += ["-1"] * pid1 + ["-t"] * terminal + ["-z"] * zombie
        if self.job.get("child"):
            command += ["-p", f"{self.job['number']}:{self.job['nth']}"]
        if self.job["mode"] == "seccomp":
            command += [str(TOOLS / "deny"), self.job["error"], str(self.job["number"])]
        command += [str(link), *words, *app]
        ends = self.pipes(terminal, stderr)
        child = subprocess.Popen(
            command, stdin=ends[0], stdout=ends[1], stderr=ends[2], pass_fds=[its.fileno()], env=env or {}
        )
        self.launcher = child.pid
        child.returncode = 0  # pump() reaps it
        its.close()
        for fd in set(ends):
            os.close(fd)
        line = ours.makefile("r").readline()
        self.pid = int(line)
        if self.job["mode"] not in ("seccomp", "none") and not self.job.get("late"):
            self.attach()
        ours.shutdown(socket.SHUT_WR)
        ours.close()

    def pipes(self, terminal: bool, stderr: str) -> tuple[int, int, int]:
        if terminal:
            self.master, slave = pty.openpty()
            self.follow("out", self.master)
            return slave, slave, slave
        null = os.open("/dev/null", os.O_RDONLY)
        out, out_end = os.pipe()
        self.follow("out", out)
        if stderr == "pipe":
            err, err_end = os.pipe()
            self.follow("err", err)
        elif stderr == "socket":
            pair = socket.socketpair()
            err, err_end = pair[0].detach(), pair[1].detach()
            self.follow("err", err)
        else:
            self.err_file = self.directory / "err"
            err_end = os.open(self.err_file, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        return null, out_end, err_end

    def attach(self) -> None:
        """Starts strace. Returns when it is attached to lull."""
        call, error, nth = (self.job.get(key) for key in ("call", "error", "nth"))
        command = ["strace", "-o", str(self.trace), "-e", "signal=none", "-s", "48", "-p", str(self.pid)]
        if self.job.get("follow"):
            command.append("-f")
        if self.job["mode"] == "once":
            command += ["-e", f"inject={call}:error={error}:when={nth}"]
        elif self.job["mode"] == "delay":
            command += ["-e", f"inject={call}:delay_enter={self.job['delay_us']}:when={nth}"]
        elif self.job["mode"] == "always":
            command += ["-e", f"inject={call}:error={error}:when={nth}+"]
        self.strace = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.follow("strace", os.dup(self.strace.stderr.fileno()))
        self.strace.stderr.close()
        self.wait("strace is attached", lambda: "attached" in self.text("strace"))

    def type(self, keys: bytes) -> None:
        if "out" not in self.fds:
            raise Ended("a key was typed")
        os.write(self.master, keys)

    def send(self, signo: int) -> None:
        """Sends a signal that the app must get once."""
        self.sent.append(signo)
        self.not_sent[signo] = self.count_not_sent(signo)
        self.kill(signo)

    def kill(self, signo: int) -> None:
        self.pump(0)
        if self.status is not None:
            raise Ended(f"signal {signo}")
        try:
            os.kill(self.pid, signo)
        except ProcessLookupError:
            raise Ended(f"signal {signo}") from None

    def stop_group(self, pid: int) -> None:
        """Stops the process group, and returns when lull has handled SIGCHLD."""
        try:
            os.killpg(os.getpgid(pid), signal.SIGSTOP)
        except ProcessLookupError:
            raise Ended("the app is stopped") from None
        self.wait("the app is stopped", lambda: "\nState:\tT" in status_of(pid))
        self.wait("lull has handled SIGCHLD", self.is_idle)

    def is_idle(self) -> bool:
        """Whether lull sleeps and no SIGCHLD is pending."""
        status = status_of(self.pid)
        pending = re.search(r"^ShdPnd:\t(\w+)$", status, re.M)
        return bool(pending) and not int(pending[1], 16) >> signal.SIGCHLD - 1 & 1 and "\nState:\tS" in status

    def count_not_sent(self, signo: int) -> int:
        return self.err.count(f"cannot send {signal.Signals(signo).name} ")

    def got(self, signo: int) -> int:
        return len(re.findall(rf"got {signo} code", self.out))

    def got_at(self, signo: int) -> float:
        found = re.search(rf"got {signo} .* at (\d+)\r?$", self.out, re.M)
        if found is None:
            raise Broken(f"no signal {signo} with its time")
        return int(found[1]) / 1000

    def lose(self, what: str) -> None:
        if what not in self.losses:
            self.losses.append(what)

    def app_ready(self, count: int = 1) -> None:
        self.wait("the app is ready", lambda: len(re.findall(r"^ready \d+", self.out, re.M)) == count)
        self.runs = True

    def forward(self, signo: int) -> bool:
        """Sends lull a signal, and checks that the app gets it or lull logs an error. Returns whether the app got it."""
        return self.forward_all(signo)

    def forward_all(self, *signals: int) -> bool:
        """The same for several signals in parallel. Returns whether the app got all."""
        for signo in signals:
            self.send(signo)
        return all([self.expect_got(signo) for signo in signals])

    def expect_got(self, signo: int) -> bool:
        self.wait(f"the app gets {signo}", lambda: self.got(signo) or self.count_not_sent(signo) > self.not_sent[signo])
        if not self.got(signo):
            self.lose("signal")
            self.sent.remove(signo)
        return self.got(signo) > 0

    def expect(self, is_true: object, what: str) -> None:
        if not is_true:
            raise Broken(what)

    def in_time(self, begun: float, least_s: float, what: str, at: float | None = None) -> None:
        took = (at or now()) - begun
        early_s = 0.002 + exceptions.EARLY_S.get(self.job.get("call", ""), 0)
        self.expect(took >= least_s - early_s, f"{what} after {took:.3f} s, before its time, {least_s} s")
        self.expect(took <= least_s + LATEST_S, f"{what} after {took:.3f} s, long after its time, {least_s} s")

    # --- The end ---

    def leave(self) -> None:
        """Waits until lull has exited and no process remains."""
        self.wait("lull ends", lambda: self.status is not None, dies=True)
        self.wait("strace ends", lambda: self.strace is None or self.strace.poll() is not None, dies=True)
        allowed = self.hopeless or exceptions.find_for(self.job, "remaining: none")
        end = now() + (HOPELESS_S if allowed else LATEST_S)
        while (others() or self.fds) and now() < end:
            self.pump(0.002)
            self.reap()
        self.expect(not others(), f"remaining: {', '.join(describe(pid) for pid in others())}")
        self.expect(not self.fds, "another process has its streams open")

    def reap(self) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            pass

    def clear(self) -> None:
        """Kills all processes after a broken run."""
        for fd in self.fds.values():
            os.close(fd)
        end = now() + PATIENCE_S
        while others() and now() < end:
            for pid in others():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.reap()
            time.sleep(0.005)
        if others():
            sys.exit(f"cannot be killed: {others()}")

    def cpu_until_now_s(self) -> float:
        """The CPU time of lull, while it runs: fields 14 and 15 of proc_pid_stat(5)."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def lines(self) -> list[str]:
        return self.trace.read_text(errors="replace").splitlines() if self.trace.exists() else []
