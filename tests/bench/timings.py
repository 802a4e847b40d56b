"""Runs `measure` in pieces; each piece measures each init. This module judges nothing."""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from programs import APP, INITS, MEASURE, NONE, ROOT, Failed, Init


@dataclass(frozen=True)
class Extent:
    """How much is measured: the number of pieces, and the size of each."""

    pieces: int
    starts: int
    signal_blocks: int
    signals: int
    ready_blocks: int
    ready: int
    trickle_pieces: int  # the number of pieces that have it
    trickle: int
    live: tuple[int, ...]
    floods: int
    idle_s: float


FULL = Extent(6, 700, 4, 1500, 24, 1000, 6, 200, (0, 10, 100, 1000, 10000), 4, 10)
QUICK = Extent(2, 200, 3, 1000, 6, 500, 1, 60, (0, 10000), 2, 3)
EXTENTS = {"full": FULL, "quick": QUICK}


@dataclass
class Piece:
    """In ns, by the init's name."""

    start: dict[str, list[int]] = field(default_factory=dict)  # the n-th of each belong together
    exit: dict[str, list[int]] = field(default_factory=dict)
    signal: dict[str, list[int]] = field(default_factory=dict)  # of the processor, for one, one number a block
    burst: dict[str, list[int]] = field(default_factory=dict)  # the same in a burst
    latency: dict[str, list[int]] = field(default_factory=dict)
    value: dict[str, list[int]] = field(default_factory=dict)  # 1: it arrived
    ready: dict[str, list[int]] = field(default_factory=dict)  # of the processor, for one orphan
    trickle: dict[str, dict[str, list[int]]] = field(default_factory=dict)  # by the number of those that live, as text
    flood: dict[str, list[int]] = field(default_factory=dict)  # -1: it was not waited for any longer


def rotated(inits: Sequence[Init], by: int) -> list[Init]:
    """The first has colder caches than the others: each has to be that as often."""
    return [*inits[by % len(inits) :], *inits[: by % len(inits)]]


def measure(what: Sequence[object], inits: Sequence[Init]) -> dict[str, list[list[int]]]:
    """The lines that were printed, by init."""
    words = [MEASURE, *map(str, what), APP, *(init.path for init in inits)]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)}: status {done.returncode}")
    found = defaultdict(list)
    for line in done.stdout.splitlines():
        which, *numbers = map(int, line.split())
        found[inits[which].name].append(numbers)
    return found


def column(lines: dict[str, list[list[int]]], which: int) -> dict[str, list[int]]:
    return {name: [line[which] for line in of_init] for name, of_init in lines.items()}


def measure_piece(extent: Extent, number: int) -> Piece:
    with_none = (NONE, *INITS)
    piece = Piece()
    begin = number * max(extent.signal_blocks, extent.ready_blocks)
    starts = measure(["start", extent.starts], with_none)
    piece.start, piece.exit = column(starts, 0), column(starts, 1)
    blocks = [
        measure(["signals", extent.signals], rotated(with_none, begin + block)) for block in range(extent.signal_blocks)
    ]
    for init in with_none:
        lines = [line for block in blocks for line in block[init.name]]
        piece.signal[init.name] = [line[0] for line in lines]
        piece.burst[init.name] = [line[1] for line in lines]
        piece.value[init.name] = [line[2] for line in lines]
        piece.latency[init.name] = [ns for line in lines for ns in line[3:]]
    for block in range(extent.ready_blocks):
        for name, lines in measure(["ready", extent.ready], rotated(INITS, begin + block)).items():
            piece.ready.setdefault(name, []).extend(line[0] for line in lines)
    for live in extent.live if number < extent.trickle_pieces else ():
        piece.trickle[str(live)] = column(measure(["trickle", extent.trickle, live], rotated(INITS, number)), 0)
    piece.flood = column(measure(["flood", extent.floods], rotated(INITS, number)), 0)
    return piece


def measure_pieces(word: str, under: Sequence[str]) -> list[Piece]:
    """Each is a process of its own, so that it can be run under a command that waits for its turn."""
    extent, pieces = EXTENTS[word], []
    while len(pieces) < extent.pieces:
        words = [*under, sys.executable, str(ROOT / "tests/bench/bench"), "--piece", word, str(len(pieces))]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failed(f"{' '.join(words)}: status {done.returncode}")
        pieces.append(Piece(**json.loads(done.stdout)))
        print(f"# {len(pieces)} of {extent.pieces}", file=sys.stderr, flush=True)
    return pieces


def as_json(piece: Piece) -> str:
    return json.dumps(asdict(piece))
