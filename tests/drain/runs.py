"""The raw results of the runs, as CSV: one row for each rolling restart."""

import csv
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import setups
from client import Counts
from containers import Failed
from report import Results
from restart import Result

# An empty cell was not recorded. The *_by columns count failures by kind, as in "502=9 closed=8".
COLUMNS = (
    *("run", "app", "setup", "requests", "failed", "failed_by", "median_ms", "p99_ms", "max_ms"),
    *("orders", "orders_failed", "orders_failed_by", "twice", "retried_connections", "stop_ms", "status"),
)
UNKNOWN = "unknown"  # the kind of failures whose kind was not recorded


def write(file: Path, runs: Sequence[Results]) -> None:
    with file.open("w", newline="", encoding="ascii") as out:
        writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for number, results in enumerate(runs, 1):
            writer.writerows(rows(number, results))


def rows(number: int, results: Results) -> Iterable[dict[str, object]]:
    for name, app, setup in names():
        result = results.get(name)
        if isinstance(result, Result):
            asked, ordered = result.requests, result.orders
            yield {
                **{"run": number, "app": app, "setup": setup},
                **{"requests": asked.requests, "failed": result.failed, "failed_by": by_kind(asked.failed)},
                **{"median_ms": asked.p50_ms, "p99_ms": asked.p99_ms, "max_ms": asked.max_ms},
                **{"orders": ordered.requests, "orders_failed": result.orders_failed},
                **{"orders_failed_by": by_kind(ordered.failed), "twice": result.twice},
                **{"retried_connections": result.tried_again},
                "stop_ms": round(1000 * statistics.median(result.stop_s)),
                "status": " ".join(sorted({str(status) for status in result.statuses})),
            }


def names() -> Iterable[tuple[str, str, str]]:
    """For each restart of a run: its unique name, its app, and its name in the CSV file."""
    for app in setups.APPS:
        for init in setups.INITS:
            yield setups.table_name(app, init), app, init
    for setup in setups.others():
        yield setup.name, setup.app, setup.name


def by_kind(failed: Mapping[str, int]) -> str:
    return " ".join(f"{kind}={count}" for kind, count in failed.items())


def read(file: Path) -> list[Results]:
    """Reads the CSV file. A restart without a row counts as failed to run."""
    with file.open(newline="", encoding="ascii") as lines:
        table = list(csv.DictReader(lines))
    count = max(int(row["run"]) for row in table)
    found: list[dict[str, Result | Exception]] = [
        {name: Failed("not in the CSV file") for name, _, _ in names()} for _ in range(count)
    ]
    unique = {(app, setup): name for name, app, setup in names()}
    for row in table:
        found[int(row["run"]) - 1][unique[row["app"], row["setup"]]] = result_of(row)
    return list(found)


def result_of(row: Mapping[str, str]) -> Result:
    times = (number(row["median_ms"]), number(row["p99_ms"]), number(row["max_ms"]))
    return Result(
        requests=Counts(number(row["requests"]), kinds(row["failed"], row["failed_by"]), *times),
        orders=Counts(number(row["orders"]), kinds(row["orders_failed"], row["orders_failed_by"]), 0, 0, 0),
        twice=number(row["twice"]),
        tried_again=number(row["retried_connections"]),
        stop_s=(number(row["stop_ms"]) / 1000,),
        statuses=tuple(int(status) for status in row["status"].split()),
    )


def number(cell: str) -> int:
    return int(cell or 0)


def kinds(failed: str, by: str) -> dict[str, int]:
    counts = {kind: int(count) for kind, count in (part.split("=") for part in by.split())}
    if by and sum(counts.values()) != int(failed):
        raise Failed(f"the kinds {by} are not {failed} failures")
    return counts or ({UNKNOWN: int(failed)} if int(failed) else {})
