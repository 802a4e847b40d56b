"""The figures: what each is, lull's goal for it, and whether a run is valid. This module runs and prints nothing."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from counts import Calls, Idle, Start
from programs import BARE, LULL, NONE, PEERS, Init
from timings import Extent, Piece

CROWD = 10000
TOO_LONG = -1  # as in measure.c
LEAVE_MS = 3000  # measure.c's as well


@dataclass(frozen=True)
class Counted:
    size: int
    calls: Calls
    start: Start
    idle: list[Idle]  # several: the start of the stack is random


@dataclass(frozen=True)
class Results:
    extent: Extent
    pieces: list[Piece]
    counted: dict[str, Counted]  # by the init's name

    def all_of(self, what: str, init: Init) -> list[int]:
        return [ns for piece in self.pieces for ns in getattr(piece, what)[init.name]]


def us(ns: float) -> float:
    return ns / 1000


def over_none(pieces: Sequence[Piece], init: Init) -> float:
    """The median, over the rounds, of the start time minus that without an init. In us."""
    pairs = [pair for piece in pieces for pair in zip(piece.start[init.name], piece.start[NONE.name])]
    return us(statistics.median(of_init - of_none for of_init, of_none in pairs))


def percentile(values: Sequence[int], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def trickle(results: Results, live: int, init: Init) -> float:
    measured = (piece.trickle.get(str(live), {}) for piece in results.pieces)
    return us(statistics.median(ns for of_inits in measured for ns in of_inits.get(init.name, ())))


def flood_ms(results: Results, init: Init) -> list[float]:
    times = results.all_of("flood", init)
    return [LEAVE_MS if ns == TOO_LONG else ns / 1e6 for ns in times]


def middle(values: Sequence[float]) -> float:
    return statistics.median(values)


# --- The figures --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    words: str
    unit: str
    of: Callable[[Results, Init], float]
    form: str = ".2f"
    goal: float | None = None  # at most
    to_floor: bool = False  # the goal is a ratio to the floor without a C library
    has_none: bool = False  # it has a meaning without an init


def of_idle(field: str) -> Callable[[Results, Init], float]:
    return lambda results, init: middle([getattr(idle, field) for idle in results.counted[init.name].idle])


def of_timed(what: str, percent: int) -> Callable[[Results, Init], float]:
    return lambda results, init: us(percentile(results.all_of(what, init), percent))


def wake_ups(results: Results, init: Init) -> float:
    return results.counted[init.name].idle[0].wake_ups * 10 / results.extent.idle_s


START = Figure("added start time, p50", "us", lambda results, init: over_none(results.pieces, init), ".1f", 1.3, True)
EXIT = Figure("exit after the app, p50", "us", of_timed("exit", 50), ".1f", 1.15, True, True)
SIGNAL = Figure("CPU per forwarded signal", "us", of_timed("signal", 50), ".2f", 1.22, True)
# The 10th percentile: on some virtual machines, many runs take half as long again, with any init.
READY = Figure("CPU per orphan, all exited", "us", of_timed("ready", 10), ".2f", 1.1, True)
MEMORY = tuple(
    Figure(words, "kB", of_idle(field), ".0f", goal)
    for words, field, goal in (
        ("idle: private dirty memory", "private_dirty_kb", 12),
        ("idle: memory (PSS)", "pss_kb", 44),
        ("idle: page tables", "page_tables_kb", 24),
    )
)
FIGURES = (
    Figure("file size, stripped", "kB", lambda results, init: results.counted[init.name].size / 1000, ".1f", 40),
    *MEMORY,
    Figure("idle: wake-ups in 10 s", "", wake_ups, ".0f", 0),
    Figure("system calls until the app runs", "", lambda r, i: len(r.counted[i.name].calls.before), ".0f", 8),
    Figure("system calls after that, without a signal", "", lambda r, i: r.counted[i.name].calls.life, ".0f"),
    Figure("system calls per forwarded signal", "", lambda r, i: r.counted[i.name].calls.signal, ".1f"),
    Figure("system calls per orphan that exits alone", "", lambda r, i: r.counted[i.name].calls.orphan, ".1f"),
    Figure("instructions until the app runs", "", lambda r, i: r.counted[i.name].start.instructions, ".0f"),
    Figure("page faults until the app runs", "", lambda r, i: r.counted[i.name].start.page_faults, ".0f"),
    START,
    Figure("exit after the app, p99", "us", of_timed("exit", 99), ".1f", None, False, True),
    EXIT,
    SIGNAL,
    Figure("CPU per forwarded signal, bursts of 16", "us", of_timed("burst", 50), ".2f"),
    Figure("signal latency, p50", "us", of_timed("latency", 50), ".1f", None, False, True),
    Figure("signal latency, p99", "us", of_timed("latency", 99), ".1f", None, False, True),
    READY,
    Figure("CPU per orphan, one per ms", "us", lambda results, init: trickle(results, 0, init), ".1f"),
    Figure("CPU per orphan, 10 000 live children", "us", lambda r, i: trickle(r, CROWD, i), ".1f", 50),
    Figure("exit in a signal flood, p50", "ms", lambda r, i: middle(flood_ms(r, i)), ".2f"),
    Figure("exit in a signal flood, worst", "ms", lambda r, i: max(flood_ms(r, i)), ".2f", 5),
)


def value(figure: Figure, results: Results, init: Init) -> float | None:
    if init.is_none and not figure.has_none:
        return None
    return figure.of(results, init)


def keeps_values(results: Results, init: Init) -> bool:
    return all(results.all_of("value", init))


# --- Is the run valid? --------------------------------------------------------------------------------------------

# The ratio of lull to the floor may differ by this much between pieces.
MOST_SPREAD = 0.2
LEAST_MARGIN = 0.05  # smaller differences are noise


@dataclass(frozen=True)
class Spread:
    words: str
    ratios: list[float]  # of lull to the floor, a piece each

    @property
    def width(self) -> float:
        return (max(self.ratios) - min(self.ratios)) / middle(self.ratios)


def spreads(results: Results) -> list[Spread]:
    alone = [Results(results.extent, [piece], results.counted) for piece in results.pieces]
    return [
        Spread(figure.words, [figure.of(one, LULL) / figure.of(one, BARE) for one in alone])
        for figure in (START, EXIT, SIGNAL, READY)
    ]


def doubts(results: Results) -> list[str]:
    """Why the figures of this run are not valid; empty if they are."""
    found = []
    for figure, spread in zip((START, EXIT, SIGNAL, READY), spreads(results)):
        if spread.width > MOST_SPREAD:
            ratios = ", ".join(f"{ratio:.2f}" for ratio in spread.ratios)
            found.append(f"too noisy: {spread.words}: the ratio of lull to the floor is {ratios} in the pieces")
        margin = 1 + max(LEAST_MARGIN, spread.width)
        floor = figure.of(results, BARE)
        for init in (LULL, *PEERS):
            other = figure.of(results, init)
            if floor > other * margin:
                found.append(f"{figure.words}: the floor ({floor:.2f}) is above {init.name} ({other:.2f})")
    return found
