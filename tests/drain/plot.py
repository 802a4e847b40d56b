#!/usr/bin/env python3
"""Draws the failed requests by delay.

    plot.py STEM    draws STEM.svg again from the data in STEM.csv

The colours are readable on white and on black, since a picture has no background of its own.
"""

import csv
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from xml.sax.saxutils import escape

import setups
from balancer import FALL, INTER_MS
from report import Results
from restart import Result

WIDTH, HEIGHT = 800, 420
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 56, 60  # margins
TEXT, GRID, RULE = "#6e7781", "#8c959f", "#8f6be8"
READY, DELAY_ONLY = "#2da44e", "#e5534b"


@dataclass(frozen=True)
class Point:
    """One rolling restart."""

    run: int
    readiness: int  # 1: --ready-on and --listens, 0: no readiness signal
    delay_s: float
    requests: int
    failed: int


def points(run: int, results: Results) -> list[Point]:
    found = []
    for readiness in (True, False):
        for delay in setups.SWEEP:
            result = results[setups.sweep_name(delay, readiness)]
            if not isinstance(result, Result):
                raise result
            found.append(Point(run, int(readiness), delay, result.requests.requests, result.failed))
    return found


# --- Data ---------------------------------------------------------------------------------------------------------


def write_data(file: Path, data: Iterable[Point]) -> None:
    with file.open("w", newline="", encoding="ascii") as out:
        writer = csv.DictWriter(out, [field.name for field in fields(Point)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(point) for point in data)


def read_data(file: Path) -> list[Point]:
    with file.open(newline="", encoding="ascii") as rows:
        return [
            Point(
                run=int(row["run"]),
                readiness=int(row["readiness"]),
                delay_s=float(row["delay_s"]),
                requests=int(row["requests"]),
                failed=int(row["failed"]),
            )
            for row in csv.DictReader(rows)
        ]


# --- Drawing ------------------------------------------------------------------------------------------------------


class Axes:
    """From delays and counts to positions in the picture."""

    def __init__(self, data: Sequence[Point]):
        self.last_s = max(point.delay_s for point in data)
        self.most = 5 * (max(point.failed for point in data) // 5 + 1)

    def x(self, delay_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * delay_s / self.last_s

    def y(self, failed: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * failed / self.most


def text(x: float, y: float, words: str, anchor: str = "middle", colour: str = TEXT, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" {more}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" {more}/>'


def frame(axes: Axes) -> list[str]:
    """Grid, numbers and titles."""
    bottom, middle = axes.y(0), (TOP + HEIGHT - BOTTOM) / 2
    parts = []
    for count in range(0, axes.most + 1, 5):
        strength = 'stroke-opacity="1"' if count == 0 else 'stroke-opacity="0.25"'
        parts.append(line(LEFT, axes.y(count), WIDTH - RIGHT, axes.y(count), GRID, strength))
        parts.append(text(LEFT - 10, axes.y(count) + 4, str(count), "end"))
    for half in range(int(2 * axes.last_s) + 1):
        parts.append(line(axes.x(half / 2), bottom, axes.x(half / 2), bottom + 5, GRID))
        parts.append(text(axes.x(half / 2), bottom + 21, f"{half / 2:g}"))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "delay before SIGTERM is forwarded, in seconds"))
    turned = f'transform="rotate(-90 18 {middle:.1f})"'
    parts.append(text(18, middle, "failed requests", more=turned))
    return parts


def rule(axes: Axes) -> list[str]:
    at, y = axes.x(setups.RULE_S), axes.y(axes.most * 0.2)
    words = f"{FALL} × {INTER_MS / 1000:g} s + {setups.LONGEST_S:g} s"
    return [
        line(at, TOP, at, axes.y(0), RULE, 'stroke-width="1.5" stroke-dasharray="6 4"'),
        text(at + 8, y, "fall × interval + longest request", "start", RULE),
        text(at + 8, y + 18, f"= {words} = {setups.RULE_S:g} s", "start", RULE),
    ]


def series(axes: Axes, data: Sequence[Point], colour: str) -> list[str]:
    """A dot for each restart, darker where several coincide, and a line through the means."""
    dots = [
        f'<circle cx="{axes.x(point.delay_s):.1f}" cy="{axes.y(point.failed):.1f}" r="4" fill="{colour}"'
        f' fill-opacity="0.35"/>'
        for point in data
    ]
    places = [
        f"{axes.x(delay):.1f},{axes.y(statistics.mean(point.failed for point in data if point.delay_s == delay)):.1f}"
        for delay in sorted({point.delay_s for point in data})
    ]
    return [*dots, f'<polyline points="{" ".join(places)}" fill="none" stroke="{colour}" stroke-width="2.5"/>']


def draw(data: Sequence[Point]) -> str:
    axes = Axes(data)
    ready, delay_only = ([point for point in data if point.readiness == kind] for kind in (1, 0))
    highest = max(point.failed for point in delay_only if point.delay_s > setups.RULE_S)
    runs = len({point.run for point in data})
    title = "Failed requests in a rolling restart of three containers"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' role="img" font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="14">',
        f"<title>{title}, by the delay</title>",
        text(LEFT, 22, title, "start", more='font-size="16" font-weight="600"'),
        text(LEFT, 42, f"each dot is one rolling restart, each line the mean of {runs} runs", "start"),
        *frame(axes),
        *rule(axes),
        *series(axes, delay_only, DELAY_ONLY),
        *series(axes, ready, READY),
        text(WIDTH - RIGHT, axes.y(highest) - 12, "the same delay, no readiness signal", "end", DELAY_ONLY),
        text(WIDTH - RIGHT, axes.y(0) - 14, "with a readiness signal (--ready-on)", "end", READY),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def write(stem: Path, data: Sequence[Point]) -> None:
    stem.parent.mkdir(exist_ok=True)
    write_data(stem.with_suffix(".csv"), data)
    stem.with_suffix(".svg").write_text(draw(data), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(Path(sys.argv[1]), read_data(Path(sys.argv[1]).with_suffix(".csv")))
