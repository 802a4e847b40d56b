"""Writes docs/draining.md, with all numbers of each run."""

import datetime
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import report
import setups
from balancer import FALL
from client import TIMEOUT_S
from containers import LULL, run
from judge import QUESTIONS, judge
from report import Results
from restart import APPS, Result

PAGE = """\
# Draining, measured

Written by `tests/drain/drain --runs {count}`, not by hand. `make test-drain`, a part of the tests, is one such run and
fails when lull loses anything, or the others too little to prove anything.

Apps that know nothing of draining run in containers behind a load balancer, under constant load, and are restarted one
by one, as in any deployment. A request has failed when it was not answered 200 with the whole body.

Fixed beforehand:

{terms}

Measured {when} on {machine}, with {versions}.

What stands before the app's own command, and where the balancer asks for its health:

{inits}

## Failed requests

With the balancer's usual settings a connection that fails is tried again with another server, and a request never.
There were {requests} requests in a cell, the more the longer its restart took. So many failed; where the
{count} runs differ, the smallest and the largest number:

{failed}

Latency (99 of 100 requests took no longer) and time to stop, medians:

{times}

## Executed twice

With the balancer's retries on (`retry-on all-retryable-errors`) a request is sent again, to another server, whatever
goes wrong before the answer has begun. That hides most failures, and does some of the work twice. There were {orders}
orders in a cell, each with an id of its own. So many were executed more than once:

{twice}

(gunicorn ends what it has begun, and nginx has begun its answer at once: what it cuts can not be sent again, and fails.)
So many failed all the same:

{orders_failed}

## Other ways of telling, the start, and shorter delays

In the {count} runs, each with the load and the load balancer of the tables above:

{others}

"A slow start" is an app that needs {start} s before it listens. Where the balancer believes it ready, the others are
stopped meanwhile.

## The delay

![failed requests by delay](img/sweep.svg)

Written by `make plot-drain`, with Express; the numbers are in [sweep.csv](img/sweep.csv). The balancer knows after
{fall} checks that fail, and what it has sent before that takes as long as the longest request: the delay must be at
least {rule:g} s here, and somewhat more where the machine is busy and its longest request takes longer. If nobody is
told, no delay helps.

## Verdicts

{verdicts}

## All runs

How a request failed: `502`, `503`: the balancer's own answer; `closed`: the connection ended before the answer;
`short`: in the middle of it; `timeout`: nothing came for {timeout:g} s. Time to stop is a median; a status that is
listed was seen at least once.

{runs}
"""

WHOLE = """\
<details><summary>Run {number}: {passed} of {asked} verdicts passed</summary>

{verdicts}

Usual settings:

{requests}

With the balancer's retries on:

{orders}

Other ways:

{others}

</details>
"""

Runs = Sequence[Results]


def write(file: Path, runs: Runs, others: Sequence[str]) -> None:
    file.write_text(
        PAGE.format(
            count=len(runs),
            terms=items(report.terms()),
            when=datetime.date.today().isoformat(),
            machine=machine(),
            versions=versions(),
            inits=markdown(inits_table()),
            requests=typical(runs, "requests"),
            failed=markdown(report.summary_table(runs, report.span_of("failed"))),
            times=markdown(report.summary_table(runs, report.times)),
            orders=typical(runs, "orders"),
            twice=markdown(report.summary_table(runs, report.span_of("twice"))),
            orders_failed=markdown(report.summary_table(runs, report.span_of("orders_failed"))),
            others=markdown(others_table(runs, others)),
            start=f"{setups.START_S:g}",
            fall=FALL,
            rule=setups.RULE_S,
            timeout=TIMEOUT_S,
            verdicts=verdicts(runs),
            runs="\n".join(whole(number, results, others) for number, results in enumerate(runs, 1)).strip(),
        ),
        encoding="utf-8",
    )


def markdown(table: report.Table) -> str:
    return "\n".join(report.as_markdown(table))


def items(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


# --- What it ran on -----------------------------------------------------------------------------------------------


def machine() -> str:
    processors = len(os.sched_getaffinity(0))
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{processors} processors ({platform.machine()}), Linux {kernel}, {distribution()}"


def distribution() -> str:
    return platform.freedesktop_os_release()["PRETTY_NAME"]


def versions() -> str:
    """Of lull itself, and of what was installed from the distribution."""
    packages = {
        "HAProxy": "haproxy",
        "Docker": "docker.io",
        "tini": "tini",
        "dumb-init": "dumb-init",
        "catatonit": "catatonit",
        "Flask": "python3-flask",
        "waitress": "python3-waitress",
        "gunicorn": "gunicorn",
        "Express": "node-express",
        "nginx": "nginx-light",
    }
    found = [f"{name} {upstream_version(package)}" for name, package in packages.items()]
    return ", ".join([run(LULL, "--version").replace(" version", "").partition(" - ")[0], *found])


def upstream_version(package: str) -> str:
    """Without what the distribution adds to it."""
    version = run("dpkg-query", "-W", "-f", "${Version}", package).rpartition(":")[2]
    return version.partition("-")[0].partition("+")[0]


# --- Tables that only the page has --------------------------------------------------------------------------------


def inits_table() -> report.Table:
    rows = [["init", "command", "health check"]]
    for name, (words, check) in setups.INITS.items():
        command = f"`{' '.join(words).removeprefix('/')}`" if words else ""
        asked = f"`{check.page}` of port {check.port}, lull's" if check.port else f"`{check.page}` of the app"
        rows.append([name, command, asked])
    return rows


def others_table(runs: Runs, names: Sequence[str]) -> report.Table:
    rows = [["", "failed requests", "failed orders", "executed twice", "longest request"]]
    for name in names:
        found = [results[name] for results in runs]
        ran = [result for result in found if isinstance(result, Result)]
        longest = report.span([result.requests.max_ms for result in ran])
        counts = ([getattr(result, what) for result in ran] for what in ("failed", "orders_failed", "twice"))
        rows.append([name, *(report.span(values) for values in counts), f"{longest} ms"])
    return rows


def typical(runs: Runs, kind: str) -> str:
    """How many there were in a cell."""
    cells = [result for results in runs for _, _, result in report.cells(results)]
    return report.span([round(getattr(result, kind).requests, -1) for result in cells])


# --- Verdicts and runs --------------------------------------------------------------------------------------------


def verdicts(runs: Runs) -> str:
    asked = len(runs) * len(QUESTIONS)
    passed = sum(not verdict.faults for results in runs for verdict in judge(results))
    lull = [results[setups.table_name(app, setups.LULL)] for results in runs for app in APPS]
    lossless = sum(isinstance(cell, Result) and not (cell.failed or cell.orders_failed or cell.twice) for cell in lull)
    return (
        f"{len(runs)} runs of {len(QUESTIONS)} verdicts: {passed} passed, {asked - passed} failed. "
        f"Of lull's {len(lull)} rolling restarts in the tables above, {lossless} lost nothing at all."
    )


def whole(number: int, results: Results, others: Sequence[str]) -> str:
    found = list(judge(results))
    lines = [f"{'failed' if verdict.faults else 'passed'}: {verdict.text}" for verdict in found]
    return WHOLE.format(
        number=number,
        passed=sum(not verdict.faults for verdict in found),
        asked=len(found),
        verdicts=items(lines),
        requests=markdown(report.requests_table(results)),
        orders=markdown(report.orders_table(results)),
        others=markdown(report.others_table(results, others)),
    )
