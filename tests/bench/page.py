"""Writes docs/benchmarks.md."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path

import tables
from figures import LEAVE_MS, MOST_SPREAD, Results, spreads
from programs import LULL, PEERS

PAGE = """\
# What an init costs

Written by `make bench`, not by hand. It takes some minutes, as root, and needs Debian's packages alone; `make bench
QUICK=1` prints the tables in less than one. What can be counted is a test as well: `make check-cost` fails when any
of it rises.

Measured {when} on {machine}, with {versions}.

## The goals

Best peer: of those that Debian packages, the one that is best in this figure. The floor is an init of our own that
can do nothing but start the app, pass signals on and reap, with no C library: less than that is hardly possible.

{goals}

## All of it

{figures}

## Against the floor

{ratios}

## In pictures

![start](img/bench-start.svg)

![memory](img/bench-memory.svg)

![reaping](img/bench-orphans.svg)

## How

All run in turns, in {pieces} pieces, so that what else the machine does meets all of them. Each init is PID 1 of a
new PID namespace, without any option and with three variables in its environment; all of them, the app and who
measures share one processor, at the highest priority there is. The app is a program without a C library, which
starts in no time. Its stdin and stdout are `/dev/null`, its stderr a pipe.

- *No init*: the app is PID 1 itself.
- *The floors*: `tests/bench/floor.c`, built on musl and without a C library. They pass signals on and reap, and
  know nothing else.
- *Idle*: `/proc/PID/smaps_rollup` and `VmPTE`, with the file written to the disk before, since its pages count as
  dirty until then; the one in the middle of several starts. Wake-ups: how often it was put on a processor, over
  {idle:g} s.
- *System calls*: traced. Until the app runs: the init's up to the birth of its child, and the child's up to its
  execve. In a quiet life: the init's from then on, if the app ends and nothing else happens.
- *Instructions*: counted one by one, in the same two processes, with the system calls as one each. *Page faults*:
  theirs.
- *Start*: from the call of execve for the init to the app's first instruction, less the same without an init, round
  by round; the one in the middle of {starts} rounds.
- *Exit*: from the app's last word, before it ends, to the moment that who waits for the init knows its end. The end
  of the app and of the PID namespace are in it.
- *A signal*: {signals} times SIGUSR1, each sent when the one before has arrived, so that the init sleeps and is
  woken each time. In a burst: 16 different signals, sent without waiting. Its value: sent with sigqueue(3).
- *Orphans, all ready at once*: {ready} end while the init is stopped; the processor time it has used when all are
  reaped, and for 0.1 s after that, for what it may put off. *One each ms*: {trickle} of them.
- *A flood*: two processes on other processors send signals of lower numbers than SIGCHLD's without end, which the
  kernel hands out first. From the app's last word to the init's end, {floods} times; none is waited for longer than
  {leave} ms.

The load average was {load:.1f} before. A run is refused when lull against the floor differs by more than {most:.0%}
between pieces, or when the floor is above any other in start, exit, a signal or an orphan. In this run it differed
by: {spread}.
"""


def write(file: Path, results: Results, load: float) -> None:
    extent = results.extent
    file.write_text(
        PAGE.format(
            when=datetime.date.today().isoformat(),
            machine=machine(),
            versions=versions(),
            goals=tables.as_markdown(tables.goals_table(results)),
            figures=tables.as_markdown(tables.figures_table(results)),
            ratios=tables.as_markdown(tables.ratios_table(results)),
            pieces=extent.pieces,
            idle=extent.idle_s,
            starts=extent.pieces * extent.starts,
            signals=extent.pieces * extent.signal_blocks * extent.signals,
            ready=extent.ready,
            trickle=extent.trickle,
            floods=extent.pieces * extent.floods,
            leave=LEAVE_MS,
            load=load,
            most=MOST_SPREAD,
            spread=", ".join(f"{spread.words} {spread.width:.0%}" for spread in spreads(results)),
        ),
        encoding="utf-8",
    )


def machine() -> str:
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    virtual = re.search(r"^flags\s*:.*\bhypervisor\b", info, re.MULTILINE)
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"{len(os.sched_getaffinity(0))} processors ({model[1].strip() if model else platform.machine()},"
        f" {'a virtual machine' if virtual else 'no virtual machine'}), Linux {kernel},"
        f" {platform.freedesktop_os_release()['PRETTY_NAME']}"
    )


def output(*words: str) -> str:
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def versions() -> str:
    packages = sorted({init.package for init in PEERS})
    found = [f"{package} {output('dpkg-query', '-W', '-f', '${Version}', package)}" for package in packages]
    return ", ".join([output(LULL.path, "--version").replace(" version", ""), *found])
