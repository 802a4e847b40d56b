"""Tables of results, as text for a terminal and as Markdown for a page. This module judges nothing."""

import collections
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

from balancer import FALL, INTER_MS, RISE
from client import KEPT_ALIVE, LENGTHS, LENGTHS_TICK_S, ONE_SHOT, ORDERS, SHAPE, SHORTEST_S
from client import LONGEST_S as LONGEST_LENGTH_S
from restart import APPS, DELAY_S, INSTANCES, LENGTHS_APPS, STOP_S, Result
from setups import (
    DOCKERS_STOP_S,
    IN_DOCKER,
    INITS,
    LENGTHS_INITS,
    LENGTHS_STOP_S,
    LONGEST_S,
    RULE_S,
    START_S,
    lengths_name,
    table_name,
)

Results = Mapping[str, Result | Exception]  # by the setup's name
Table = list[list[str]]  # the first row is the header


def kinds(failed: Mapping[str, int]) -> str:
    """How requests failed, the most frequent first."""
    return ", ".join(f"{count} {kind}" for kind, count in failed.items())


def seconds(times: Iterable[float]) -> str:
    return f"{statistics.median(times):.1f} s"


def listed(values: Iterable[object]) -> str:
    """Each once."""
    return ", ".join(sorted({str(value) for value in values}))


def requests_table(results: Results) -> Table:
    rows = [["app", "setup", "requests", "failed", "by", "median", "p99", "time to stop", "status"]]
    for app, init, result in cells(results):
        asked = result.requests
        row = [app, init, str(asked.requests), str(result.failed), kinds(asked.failed)]
        row += [f"{asked.p50_ms} ms", f"{asked.p99_ms} ms", seconds(result.stop_s), listed(result.statuses)]
        rows.append(row)
    return rows


def orders_table(results: Results) -> Table:
    rows = [["app", "setup", "orders", "failed", "by", "executed twice"]]
    for app, init, result in cells(results):
        asked = result.orders
        row = [app, init, str(asked.requests), str(result.orders_failed), kinds(asked.failed), str(result.twice)]
        rows.append(row)
    return rows


def cells(results: Results) -> Iterable[tuple[str, str, Result]]:
    """Those of the table that were completed."""
    for app in APPS:
        for init in INITS:
            result = results.get(table_name(app, init))
            if isinstance(result, Result):
                yield app, init, result


def others_table(results: Results, names: Iterable[str]) -> Table:
    """Of the setups that are not in the tables above."""
    header = ["setup", "requests", "failed", "orders", "orders failed", "by", "executed twice", "p99", "longest"]
    rows = [[*header, "connections retried"]]
    for name in names:
        result = results.get(name)
        if isinstance(result, Result):
            asked, ordered = result.requests, result.orders
            row = [name, asked.requests, result.failed, ordered.requests, result.orders_failed]
            row += [kinds(collections.Counter(asked.failed) + collections.Counter(ordered.failed)), result.twice]
            row += [f"{asked.p99_ms} ms", f"{asked.max_ms} ms", result.tried_again]
            rows.append([str(cell) for cell in row])
    return rows


def summary_table(runs: Sequence[Results], cell: Callable[[list[Result]], str]) -> Table:
    """App by init; a cell has the results of all runs."""
    rows = [["app", *INITS]]
    for app in APPS:
        row = [app]
        for init in INITS:
            results = [run.get(table_name(app, init)) for run in runs]
            row.append(cell([result for result in results if isinstance(result, Result)]))
        rows.append(row)
    return rows


def lengths_table(runs: Sequence[Results], cell: Callable[[list[Result]], str]) -> Table:
    """The same for the requests of random lengths."""
    rows = [["app", *LENGTHS_INITS]]
    for app in LENGTHS_APPS:
        found = ([run.get(lengths_name(app, init)) for run in runs] for init in LENGTHS_INITS)
        rows.append([app, *(cell([one for one in results if isinstance(one, Result)]) for results in found)])
    return rows


def lengths_details(results: Results) -> Table:
    rows = [["app", "setup", "requests", "failed", "by", "median", "longest", "times to stop", "status"]]
    for app in LENGTHS_APPS:
        for init in LENGTHS_INITS:
            result = results.get(lengths_name(app, init))
            if isinstance(result, Result):
                asked = result.requests
                row = [app, init, str(asked.requests), str(result.failed), kinds(asked.failed)]
                row += [f"{asked.p50_ms} ms", f"{asked.max_ms} ms"]
                rows.append([*row, " ".join(f"{time:.1f}" for time in result.stop_s), listed(result.statuses)])
    return rows


def stops(results: list[Result]) -> str:
    """Median and longest time to stop in seconds."""
    times = [time for result in results for time in result.stop_s]
    return f"{statistics.median(times):.1f}, {max(times):.1f}" if times else "?"


def span_of(attribute: str) -> Callable[[list[Result]], str]:
    return lambda results: span([getattr(result, attribute) for result in results])


def times(results: list[Result]) -> str:
    """p99 latency and time to stop in seconds, as medians."""
    if not results:
        return "?"
    p99_s = statistics.median(result.requests.p99_ms for result in results) / 1000
    stop_s = statistics.median(time for result in results for time in result.stop_s)
    return f"{p99_s:.2f}, {stop_s:.1f}"


def span(values: Sequence[int]) -> str:
    if not values:
        return "?"
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


def terms() -> list[str]:
    """What was fixed before the measurement."""
    rule = f"fall x inter + longest request = {FALL} x {INTER_MS / 1000:g} s + {LONGEST_S:g} s = {RULE_S:g} s"
    load = f"{KEPT_ALIVE} keep-alive and {ONE_SHOT} one-request connections"
    kind = "in Docker" if IN_DOCKER else "of namespaces alone"
    return [
        f"{INSTANCES} containers {kind} behind HAProxy: check inter {INTER_MS} ms, fall {FALL}, rise {RISE}",
        f"restarted one by one: docker stop -t {STOP_S}, docker start, and the next one when HAProxy reports it up",
        f"delay {DELAY_S:g} s; the formula gives {rule}",
        f"load: {load}, GET and POST, most requests {LONGEST_S:g} s long; {ORDERS} more connections send orders",
        f"slow start: the app listens after {START_S:g} s",
    ]


def lengths_terms() -> list[str]:
    return [
        f"random lengths: {SHORTEST_S:g} to {LONGEST_LENGTH_S:g} s, a bounded Pareto distribution of shape {SHAPE:g};"
        f" {LENGTHS} connections, each with a request every {LENGTHS_TICK_S:g} s or when the last one is answered",
        f"containers of namespaces alone; SIGKILL {LENGTHS_STOP_S} s after SIGTERM with lull, and without it after"
        f" {DOCKERS_STOP_S} s, as docker stop by default",
    ]


# --- Forms --------------------------------------------------------------------------------------------------------


def as_text(table: Table) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*table)]
    return [" | ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table]


def as_markdown(table: Table) -> list[str]:
    header, *rows = table
    lines = [header, ["---" for _ in header], *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
