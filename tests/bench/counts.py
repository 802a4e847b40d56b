"""Counts costs of an init that are the same in each run and on each machine. Times are in timings.py."""

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from programs import APP, BUILD, MEASURE, STEP, Failed, Init

# Without address randomization: the start of the stack changes the number of its pages.
FIXED = ("setarch", "-R")
# The injected call does not write the time, so strace writes it: 1 s.
STOPPED_CLOCK = ("-e", f"inject=clock_gettime:retval=0:poke_exit=@arg2=01{'00' * 15}")
FORKS = ("clone", "clone3", "fork", "vfork")
SIGNALS = 20  # calls for one signal are the mean of these
ORPHANS = 16


def run(*words: str) -> str:
    """Returns the standard output. The helpers print errors on stderr."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, cwd=BUILD)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)}: status {done.returncode}")
    return done.stdout


def local(path: str) -> str:
    """A path of the same length in each checkout, because the kernel copies it to the stack."""
    return f"./{Path(path).name}" if Path(path).parent == BUILD else path


# --- System calls -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trace:
    """The names of the system calls, in order."""

    before: list[str]  # until the app runs: the init's up to its fork, the child's up to its execve
    after: list[str]  # the init's after its fork


def trace(init: Init, what: str, count: int) -> Trace:
    """Traces a whole run of measure.c. The clock is stopped, because strace makes each call slow."""
    program = local(init.path)
    with tempfile.NamedTemporaryFile("r", prefix="trace") as out:
        run("strace", "-f", "-qq", *STOPPED_CLOCK, "-o", out.name, MEASURE, what, str(count), local(APP), program)
        made = [
            (int(line[1]), line[2], line[3])
            for line in (re.match(r"(\d+) +(\w+)\((.*)", text) for text in out.read().splitlines())
            if line
        ]
    begins = next(i for i, (_, call, words) in enumerate(made) if call == "execve" and words.startswith(f'"{program}"'))
    pid = made[begins][0]
    own = [call for who, call, _ in made[begins + 1 :] if who == pid]
    child = next(who for who, _, _ in made[begins + 1 :] if who not in (pid, made[0][0]))
    childs = [call for who, call, _ in made[begins + 1 :] if who == child]
    forked = next(i for i, call in enumerate(own) if call in FORKS) + 1
    return Trace(own[:forked] + childs[: childs.index("execve") + 1], own[forked:])


@dataclass(frozen=True)
class Calls:
    before: list[str]
    life: int  # the init's calls from the start of the app on, if the app only exits
    signal: float
    orphan: float  # for one that exits alone
    stop: int  # calls in addition to `life` if SIGTERM stops the app


def count_calls(init: Init) -> Calls:
    quiet, stopped = trace(init, "life", -1), trace(init, "life", 0)
    few, many = trace(init, "life", 1), trace(init, "life", 1 + SIGNALS)
    # With one orphan at least: otherwise the init is killed before it has made the last calls of its start.
    one_orphan, orphans = trace(init, "orphans", 1), trace(init, "orphans", 1 + ORPHANS)
    signal = (len(many.after) - len(few.after)) / SIGNALS
    orphan = (len(orphans.after) - len(one_orphan.after)) / ORPHANS
    return Calls(quiet.before, len(quiet.after), signal, orphan, len(stopped.after) - len(quiet.after))


# The request for connections: TCPDIAG_GETSOCK of linux/inet_diag.h. That for listeners has another type.
CHECK = re.compile(r"^sendto\(\d+, \[\{nlmsg_len=76, nlmsg_type=(0x12|TCPDIAG_GETSOCK)\b")


@dataclass(frozen=True)
class DrainCalls:
    checks_off: int  # checks of the connections in a shutdown without --drain-timeout
    check: int  # system calls of one check, from socket to close


def count_drain_calls(init: Init) -> DrainCalls:
    off, on = trace_stop(init, "--listens", "8080"), trace_stop(init, "--listens", "8080", "--drain-timeout", "1s")
    sent = [number for number, line in enumerate(on) if CHECK.match(line)]
    if not sent:
        raise Failed("a shutdown with --drain-timeout has no check")
    begins = max(number for number in range(sent[0]) if on[number].startswith("socket("))
    ends = min(number for number in range(sent[0], len(on)) if on[number].startswith("close("))
    return DrainCalls(sum(1 for line in off if CHECK.match(line)), ends - begins + 1)


def trace_stop(init: Init, *options: str) -> list[str]:
    """Traces lull with these options until SIGTERM has stopped it, in a network namespace without connections."""
    with tempfile.NamedTemporaryFile("r", prefix="trace") as out:
        traced = ["strace", "-qq", "-o", out.name, local(init.path), "--quiet", *options, "--", "sleep", "60"]
        with subprocess.Popen(["unshare", "--net", *traced], cwd=BUILD) as strace:
            lull = child_named(strace.pid, "lull")
            child_named(lull, "sleep")
            wait_until_idle([lull])
            os.kill(lull, signal.SIGTERM)
            strace.wait()
        return out.read().splitlines()


def child_named(pid: int, name: str) -> int:
    """Waits for a child with this name: strace has others at its start."""
    for _ in range(500):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(OSError):
                if Path(f"/proc/{child}/comm").read_text().startswith(name):
                    return int(child)
        time.sleep(0.02)
    raise Failed(f"PID {pid} starts no {name}")


# --- Instructions -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    instructions: int
    page_faults: int


def count_start(init: Init) -> Start:
    own, childs, faults = run(*FIXED, STEP, local(init.path), local(APP), "stamp").split()
    return Start(int(own) + int(childs), int(faults))


# --- Idle ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Idle:
    anonymous_kb: int
    private_dirty_kb: int  # includes pages of the file that are not yet written to the disk
    pss_kb: int
    page_tables_kb: int
    wake_ups: int


@contextmanager
def held(inits: Sequence[Init], fixed: bool) -> Iterator[list[int]]:
    """Starts the inits with an app that sleeps. Yields their PIDs."""
    programs = [local(init.path) for init in inits]
    words = [*(FIXED if fixed else ()), MEASURE, "hold", "pause", local(APP), *programs]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=BUILD) as holder:
        assert holder.stdin and holder.stdout
        pids = holder.stdout.readline().split()
        if len(pids) != len(inits):
            raise Failed(f"{' '.join(words)}: not all of them run")
        yield [int(pid) for pid in pids]
        holder.stdin.close()


def numbers(file: Path) -> dict[str, int]:
    """From lines like `Pss:   44 kB`."""
    return {line[1]: int(line[2]) for line in re.finditer(r"^(\w+):\s+(\d+)", file.read_text(), re.MULTILINE)}


def context_switches(pid: int) -> int:
    """The number of its context switches."""
    status = numbers(Path(f"/proc/{pid}/status"))
    return status["voluntary_ctxt_switches"] + status["nonvoluntary_ctxt_switches"]


def wait_until_idle(pids: Sequence[int]) -> list[int]:
    """Waits until the processes sleep. Returns the context switches of each until then."""
    before = [context_switches(pid) for pid in pids]
    for _ in range(100):
        time.sleep(0.3)
        now = [context_switches(pid) for pid in pids]
        if now == before:
            return now
        before = now
    raise Failed("they do not become idle")


def measure_idle(inits: Sequence[Init], seconds: float, fixed: bool) -> list[Idle]:
    with held(inits, fixed) as pids:
        before = wait_until_idle(pids)
        time.sleep(seconds)
        found = []
        for pid, switches in zip(pids, before):
            memory, status = numbers(Path(f"/proc/{pid}/smaps_rollup")), numbers(Path(f"/proc/{pid}/status"))
            idle = Idle(
                anonymous_kb=memory["Anonymous"],
                private_dirty_kb=memory["Private_Dirty"],
                pss_kb=memory["Pss"],
                page_tables_kb=status["VmPTE"],
                wake_ups=context_switches(pid) - switches,
            )
            found.append(idle)
        return found
