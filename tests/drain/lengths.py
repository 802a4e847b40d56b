#!/usr/bin/env python3
"""The raw results with requests of random lengths, as CSV: one row for each rolling restart. And their plot.

    lengths.py STEM    draws STEM.svg again from the data in STEM.csv
"""

import csv
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import plot
import runs
import setups
from client import Counts
from containers import Failed
from plot import BOTTOM, GRID, HEIGHT, LEFT, RIGHT, TEXT, WIDTH, line, text
from report import Results
from restart import LENGTHS_APPS, Result

COLUMNS = ("run", "app", "setup", "requests", "failed", "failed_by", "median_ms", "max_ms", "stops_ms", "status")
COLOURS = dict(zip(setups.LENGTHS_INITS, (TEXT, "#d4a72c", "#e5534b", "#8f6be8", "#2da44e")))
TOP = 84  # with the legend
NAMES = [(app, init) for app in LENGTHS_APPS for init in setups.LENGTHS_INITS]

# --- Data ---------------------------------------------------------------------------------------------------------


def write(stem: Path, measured: Sequence[Results]) -> None:
    with stem.with_suffix(".csv").open("w", newline="", encoding="ascii") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for number, results in enumerate(measured, 1):
            writer.writerows(rows(number, results))
    stem.with_suffix(".svg").write_text(draw(measured), encoding="utf-8")


def rows(number: int, results: Results) -> Iterable[dict[str, object]]:
    for app, init in NAMES:
        result = results.get(setups.lengths_name(app, init))
        if isinstance(result, Result):
            asked = result.requests
            yield {
                **{"run": number, "app": app, "setup": init},
                **{"requests": asked.requests, "failed": result.failed, "failed_by": runs.by_kind(asked.failed)},
                **{"median_ms": asked.p50_ms, "max_ms": asked.max_ms},
                "stops_ms": " ".join(str(round(1000 * time)) for time in result.stop_s),
                "status": " ".join(str(status) for status in result.statuses),
            }


def read(stem: Path) -> list[Results]:
    """Reads the CSV file. A restart without a row counts as failed to run."""
    with stem.with_suffix(".csv").open(newline="", encoding="ascii") as lines:
        table = list(csv.DictReader(lines))
    found: list[dict[str, Result | Exception]] = [
        {setups.lengths_name(*name): Failed("not in the CSV file") for name in NAMES}
        for _ in range(max(int(row["run"]) for row in table))
    ]
    for row in table:
        asked = Counts(
            requests=int(row["requests"]),
            failed=runs.kinds(row["failed"], row["failed_by"]),
            p50_ms=int(row["median_ms"]),
            p99_ms=0,
            max_ms=int(row["max_ms"]),
        )
        result = Result(
            requests=asked,
            orders=Counts(0, {}, 0, 0, 0),
            twice=0,
            tried_again=0,
            stop_s=tuple(int(time) / 1000 for time in row["stops_ms"].split()),
            statuses=tuple(int(status) for status in row["status"].split()),
        )
        found[int(row["run"]) - 1][setups.lengths_name(row["app"], row["setup"])] = result
    return list(found)


# --- Drawing ------------------------------------------------------------------------------------------------------


def points(measured: Sequence[Results]) -> dict[tuple[str, str], tuple[float, float]]:
    """By app and setup: the median time to stop, and the mean of failed requests in a rolling restart."""
    found = {}
    for name in NAMES:
        results = [one for run in measured if isinstance(one := run.get(setups.lengths_name(*name)), Result)]
        if results:
            times = [time for result in results for time in result.stop_s]
            found[name] = (statistics.median(times), statistics.mean(result.failed for result in results))
    return found


def draw(measured: Sequence[Results]) -> str:
    found = points(measured)
    last_s = max(14, 2 * (int(max(stop for stop, _ in found.values())) // 2 + 1))
    most = 5 * (int(max(failed for _, failed in found.values())) // 5 + 1)

    def x(stop_s: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * stop_s / last_s

    def y(failed: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * failed / most

    title = "Failed requests and time to stop, with requests of 0.05 to 10 s"
    note = f"each dot is one of {len(LENGTHS_APPS)} apps: the mean and the median of {len(measured)} rolling restarts"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        f' role="img" font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="14">',
        f"<title>{title}</title>",
        text(LEFT, 22, title, "start", more='font-size="16" font-weight="600"'),
        text(LEFT, 42, note, "start"),
    ]
    at = float(LEFT)
    for init, colour in COLOURS.items():
        parts.append(f'<circle cx="{at + 6:.1f}" cy="59" r="6" fill="{colour}"/>')
        parts.append(text(at + 18, 64, init, "start", colour))
        at += 44 + 7.2 * len(init)
    for count in range(0, most + 1, 5):
        parts.append(line(LEFT, y(count), WIDTH - RIGHT, y(count), GRID, f'stroke-opacity="{0.25 if count else 1}"'))
        parts.append(text(LEFT - 10, y(count) + 4, str(count), "end"))
    for second in range(0, last_s + 1, 2):
        parts.append(line(x(second), y(0), x(second), y(0) + 5, GRID))
        parts.append(text(x(second), y(0) + 21, str(second)))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "time to stop one container, in seconds"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(text(18, middle, "failed requests", more=f'transform="rotate(-90 18 {middle:.1f})"'))
    for (app, init), (stop_s, failed) in found.items():
        parts.append(
            f'<circle cx="{x(stop_s):.1f}" cy="{y(failed):.1f}" r="6" fill="{COLOURS[init]}" fill-opacity="0.7">'
            f"<title>{plot.escape(app)}, {plot.escape(init)}</title></circle>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    stem = Path(sys.argv[1])
    stem.with_suffix(".svg").write_text(draw(read(stem)), encoding="utf-8")
