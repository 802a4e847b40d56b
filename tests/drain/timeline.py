#!/usr/bin/env python3
"""One container of three is stopped under load: each request as a bar on a time line, with tini and with lull.

    timeline.py STEM    draws STEM.svg again from the data in STEM.csv

measure() writes both; tests/drain/drain --timeline calls it.
"""

import contextlib
import csv
import datetime
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import plot
import restart
import setups
from balancer import Balancer
from client import TICK_S, Connection
from containers import address_of, run

APP = "Express"
INITS = {"tini": "tini", "lull": f"lull --delay {restart.DELAY_S:g}s --ready-on {setups.READY_PORT}"}
CONNECTIONS = 12  # half of them kept alive
SLOW_S = 1.0  # an answer takes 0.4 s
BEFORE_S, AFTER_S = 1.0, 5.0  # of the stop, what is drawn

WIDTH, LEFT, RIGHT, TOP = 800, 16, 16, 56
ROW, PANEL, GAP = 11, 60 + 11 * CONNECTIONS, 18
GREEN, SLOW, RED = "#2da44e", "#d4a72c", "#e5534b"
STOP, OUT, EXIT = "docker stop", "HAProxy takes it out", "the app exits"


@dataclass(frozen=True)
class Row:
    """A request, or an event without a connection. Times count from docker stop."""

    init: str
    connection: str
    start_s: float
    end_s: float
    result: str  # "200", or the kind of the failure; or the event


# --- Measuring ----------------------------------------------------------------------------------------------------


def ask(number: int, port: int, stopped: threading.Event, log: list[tuple[int, float, float, str]]) -> None:
    connection = Connection(port, number % 2 == 0)
    stopped.wait(TICK_S * number / CONNECTIONS)
    while not stopped.is_set():
        start = time.time()
        trouble = connection.ask("GET", "/slow")
        log.append((number, start, time.time(), trouble or "200"))
        if trouble or not connection.keep_alive:
            connection.close()
    connection.close()


def is_down(balancer: Balancer) -> bool:
    return any((row["pxname"], row["svname"], row["status"]) == ("requests", "s1", "DOWN") for row in balancer.table())


def stop_one(init: str, number: int) -> list[Row]:
    """Like restart.restart(), but the container is not started again."""
    words, check = setups.INITS[init]
    setup = restart.Setup(f"time line, {init}", APP, words, check)
    directory = restart.directory_of(number)
    records = directory / "records"
    records.mkdir(parents=True)
    addresses = [address_of(number, n) for n in range(1, restart.INSTANCES + 1)]
    balancer = Balancer(directory, number, addresses, restart.APP_PORT, check)
    log: list[tuple[int, float, float, str]] = []
    stopped = threading.Event()
    with contextlib.ExitStack() as stack:
        containers = []
        for n, address in enumerate(addresses, 1):
            containers.append(restart.start_instance(setup, f"t{number}-s{n}", address, records, balancer))
            stack.callback(restart.end_instance, containers[-1], directory)
        for container in containers:
            restart.wait_for_app(container)
        stack.enter_context(restart.running(balancer))
        balancer.wait_for(*(restart.server_of(container.name) for container in containers))
        threads = [threading.Thread(target=ask, args=(n, balancer.port, stopped, log)) for n in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        time.sleep(BEFORE_S + TICK_S)
        begin = time.time()
        stop = threading.Thread(target=containers[0].stop, args=(restart.STOP_S,))
        stop.start()
        while not is_down(balancer):
            time.sleep(0.01)
        out = time.time()
        stop.join()
        exited = run("docker", "inspect", "-f", "{{.State.FinishedAt}}", containers[0].name)
        time.sleep(max(0.0, begin + AFTER_S - time.time()))
        stopped.set()
        for thread in threads:
            thread.join()
    end = datetime.datetime.fromisoformat(exited[:26].rstrip("Z") + "+00:00").timestamp()
    rows = [Row(init, str(n), start - begin, done - begin, result) for n, start, done, result in sorted(log)]
    events = ((STOP, begin), (OUT, out), (EXIT, end))
    return rows + [Row(init, "", at - begin, at - begin, event) for event, at in events]


def measure(stem: Path) -> None:
    data = [row for number, init in enumerate(INITS, 1) for row in stop_one(init, number)]
    with stem.with_suffix(".csv").open("w", newline="", encoding="ascii") as out:
        writer = csv.DictWriter(out, [field.name for field in fields(Row)], lineterminator="\n")
        writer.writeheader()
        for row in data:
            writer.writerow({**asdict(row), "start_s": f"{row.start_s:.3f}", "end_s": f"{row.end_s:.3f}"})
    write(stem)


# --- Drawing ------------------------------------------------------------------------------------------------------


def x(at_s: float) -> float:
    at_s = min(max(at_s, -BEFORE_S), AFTER_S)
    return LEFT + (WIDTH - LEFT - RIGHT) * (at_s + BEFORE_S) / (BEFORE_S + AFTER_S)


def bars(rows: Sequence[Row], top: float, colour: str) -> str:
    """One path: a stroke for each request."""
    strokes = ""
    for row in rows:
        start, end = x(row.start_s), x(row.end_s)
        if end - start > 1:
            strokes += f"M{start:.1f} {top + ROW * int(row.connection):g}h{end - start - 1:.1f}"
    return f'<path d="{strokes}" stroke="{colour}" stroke-width="{ROW - 3}"/>'


def panel(init: str, data: Sequence[Row], top: float) -> list[str]:
    requests = [row for row in data if row.init == init and row.connection]
    failed = [row for row in requests if row.result != "200"]
    slow = [row for row in requests if row.result == "200" and row.end_s - row.start_s > SLOW_S]
    good = [row for row in requests if row not in failed and row not in slow]
    counts = f"{len(failed)} of {len(requests)} failed, {len(slow)} took more than {SLOW_S:g} s"
    bottom = top + PANEL - 14
    parts = [
        plot.text(LEFT, top, INITS[init], "start", more='font-weight="600"'),
        plot.text(WIDTH - RIGHT, top, counts, "end"),
        bars(good, top + 40, GREEN),
        bars(slow, top + 40, SLOW),
        bars(failed, top + 40, RED),
    ]
    for row in sorted((row for row in data if row.init == init and not row.connection), key=lambda row: row.start_s):
        parts.append(plot.line(x(row.start_s), top + 14, x(row.start_s), bottom, plot.TEXT, 'stroke-dasharray="3 3"'))
        side, shift = ("end", -5) if row.result == STOP else ("start", 5)
        parts.append(plot.text(x(row.start_s) + shift, top + 25, row.result, side, more='font-size="12"'))
    return parts


def draw(data: Sequence[Row]) -> str:
    height = TOP + 20 + len(INITS) * (PANEL + GAP) + 24
    title = "One of three containers is stopped: what happens to the requests"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        f' role="img" font-family="-apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="14">',
        f"<title>{title}</title>",
        plot.text(LEFT, 22, title, "start", more='font-size="16" font-weight="600"'),
        plot.text(LEFT, 42, f"each row is a client behind HAProxy; green: answered, yellow: answered after {SLOW_S:g} s or more, red: failed", "start"),
    ]
    for number, init in enumerate(INITS):
        parts += panel(init, data, TOP + 20 + number * (PANEL + GAP))
    for second in range(int(AFTER_S) + 1):
        anchor = "end" if second == AFTER_S else "middle"
        parts.append(plot.text(x(second), height - 24, f"{second} s", anchor, more='font-size="12"'))
    parts.append(plot.text(WIDTH / 2, height - 8, "time after docker stop", more='font-size="12"'))
    return "\n".join([*parts, "</svg>"]) + "\n"


def write(stem: Path) -> None:
    with stem.with_suffix(".csv").open(newline="", encoding="ascii") as rows:
        data = [
            Row(row["init"], row["connection"], float(row["start_s"]), float(row["end_s"]), row["result"])
            for row in csv.DictReader(rows)
        ]
    stem.with_suffix(".svg").write_text(draw(data), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    write(Path(sys.argv[1]))
