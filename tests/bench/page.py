"""Writes docs/benchmarks.md."""

import datetime
import os
import platform
import re
import subprocess
import textwrap
from collections.abc import Sequence
from pathlib import Path

import tables
from checks import Check
from figures import LEAVE_MS, MOST_SPREAD, Results, spreads
from programs import LULL, PEERS

PAGE = """\
# Benchmarks: the cost of an init

`make bench` writes this page in less than 10 minutes, as root, with Debian packages only.
`make bench QUICK=1` prints the tables in less than a minute.
`make check-cost` is a test of all figures that can be counted: it fails if one of them rises.

{where}

## Goals

The floor is a minimal init without a C library: it starts the app, forwards signals and reaps.
The best peer is the Debian package with the best figure.

{goals}

## All figures

{figures}

## Ratio to the floor

{ratios}

## A check of --drain-timeout

Without `--drain-timeout`, lull makes no check. With it, there is a check every 200 ms between the delay and the stop signal,
and less often if a check takes more than 10 ms.

{checks}

## Plots

![added start time](img/bench-start.svg)

![idle memory](img/bench-memory.svg)

![CPU time per orphan](img/bench-orphans.svg)

## Method

The inits run in turns, in {pieces} pieces, so that a disturbance affects all of them.
Each init is PID 1 of a new PID namespace, without options, and with three variables in its environment.
The init, the app and the measuring program share one CPU, at the highest priority.
The app has no C library. Its stdin and stdout are `/dev/null`, its stderr is a pipe.

- *No init*: the app is PID 1.
- *Floors*: `tests/bench/floor.c`, built with musl and without a C library.
- *Idle*: `/proc/PID/smaps_rollup` and `VmPTE`, the median of several starts. The binary is written to disk before,
  because its pages count as dirty until then. Wake-ups: how often the kernel scheduled the init in {idle:g} s.
- *System calls*, by strace: until the app runs, those of the init before it starts its child, and those of the child
  before execve. After that, those of the init if the app exits and no signal arrives.
- *Instructions*: those of the same two processes, counted by single steps; a system call counts as one.
- *Page faults*: those of the same two processes.
- *Added start time*: from execve of the init to the first instruction of the app, minus the same time without an init.
  The median of {starts} rounds.
- *Exit*: from the last action of the app to the moment when the parent of the init gets its exit status.
  This includes the exit of the app and of the PID namespace.
- *Signals*: {signals} times SIGUSR1, each sent when the one before has arrived. The init sleeps in between.
  A burst is 16 different signals without a pause.
- *A check of --drain-timeout*: lull's own code, in a network namespace with these connections and their clients. The
  median of 40 to 300 checks. If all connections are idle after a short response, `/proc/net/tcp` is read as well.
- *Orphans, all exited*: {ready} orphans exit while the init is stopped. The CPU time until all are reaped, plus 0.1 s.
  The 10th percentile, because other work of the machine only adds to it.
- *Orphans, one per ms*: {trickle} orphans, without and with 10 000 live children.
- *Signal flood*: processes on other CPUs send signals with lower numbers than SIGCHLD, which the kernel delivers first.
  From the last action of the app to the exit of the init, {floods} times. The limit is {leave} ms.

The load average was {load:.1f} before. A run is invalid if the ratio of lull to the floor differs between pieces by more
than {most:.0%} in a figure below, or if the floor is slower than another init there. In this run the ratio differed by:

{spread}
"""


CHECKS = re.compile(r"^<!-- checks: .*-->\n(?:.+\n)*", re.MULTILINE)


def checks_block(measured: Sequence[Check]) -> str:
    return f"<!-- checks: {where()} -->\n{tables.as_markdown(tables.checks_table(measured))}"


def write_checks(file: Path, measured: Sequence[Check]) -> None:
    """Only their table, in a page that was written before."""
    page = file.read_text(encoding="utf-8")
    file.write_text(CHECKS.sub(lambda _: checks_block(measured) + "\n", page), encoding="utf-8")


def where() -> str:
    return f"Measured {datetime.date.today().isoformat()} on {machine()}"


def write(file: Path, results: Results, load: float, measured: Sequence[Check]) -> None:
    extent = results.extent
    file.write_text(
        PAGE.format(
            where=wrapped(f"{where()}, with {versions()}."),
            checks=checks_block(measured),
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
            spread="\n".join(f"- {spread.words}: {spread.width:.0%}" for spread in spreads(results)),
        ),
        encoding="utf-8",
    )


def wrapped(text: str) -> str:
    return textwrap.fill(text, 126, break_on_hyphens=False)


def machine() -> str:
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", info, re.MULTILINE)
    virtual = re.search(r"^flags\s*:.*\bhypervisor\b", info, re.MULTILINE)
    kernel = ".".join(platform.release().split(".")[:2])
    return (
        f"{len(os.sched_getaffinity(0))} CPUs ({model[1].strip() if model else platform.machine()},"
        f" {'virtual machine' if virtual else 'physical machine'}), Linux {kernel},"
        f" {platform.freedesktop_os_release()['PRETTY_NAME']}"
    )


def output(*words: str) -> str:
    return subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def versions() -> str:
    packages = sorted({init.package for init in PEERS})
    found = [f"{package} {output('dpkg-query', '-W', '-f', '${Version}', package)}" for package in packages]
    return ", ".join([output(LULL.path, "--version").replace(" version", ""), *found])
