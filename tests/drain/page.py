#!/usr/bin/env python3
"""Writes the tables of docs/results.md from the raw results in docs/img/results.csv and lengths.csv.

    page.py            writes them again
    page.py --check    fails if they differ from the CSV files

A block of the page begins with the line "<!-- NAME: ... -->" and ends at an empty line. A measurement (drain --runs or
--lengths) also writes the block "measured" or "lengths-measured": how and where it was made.
"""

import datetime
import os
import platform
import re
import sys
import textwrap
from collections.abc import Sequence

import lengths
import report
import runs
import setups
from containers import LULL, ROOT, Failed, run
from judge import LENGTHS_QUESTIONS, QUESTIONS, judge, lengths_with
from report import Results
from restart import Result

PAGE = ROOT / "docs/results.md"
DATA = ROOT / "docs/img/results.csv"
LENGTHS = ROOT / "docs/img/lengths"
BLOCK = re.compile(r"^<!-- (?P<name>[a-z-]+):.*-->\n(?P<text>(?:.+\n)*)", re.MULTILINE)

Parts = dict[str, str]  # by the name of the block


def update(*parts: Parts) -> None:
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), *parts), encoding="utf-8")


def filled(page: str, *parts: Parts) -> str:
    """The page with new blocks."""
    new = {name: text for part in parts for name, text in part.items()}
    missing = new.keys() - {block["name"] for block in BLOCK.finditer(page)}
    if missing:
        raise Failed(f"{PAGE}: no block named {' or '.join(sorted(missing))}")

    def block(old: re.Match[str]) -> str:
        return old[0].removesuffix(old["text"]) + new[old["name"]] + "\n" if old["name"] in new else old[0]

    return BLOCK.sub(block, page)


# --- How and where it was measured --------------------------------------------------------------------------------


def measured() -> Parts:
    packages = {"Docker": "docker.io", "dumb-init": "dumb-init", "catatonit": "catatonit", "nginx": "nginx-light"}
    return {"measured": items([*report.terms(), where(packages)])}


def lengths_measured() -> Parts:
    packages = {"nginx": "nginx-light", "OpenJDK": "openjdk-17-jdk-headless"}
    return {"lengths-measured": items([*report.lengths_terms(), where(packages)])}


def items(texts: Sequence[str]) -> str:
    return "\n".join(textwrap.fill(text, 126, initial_indent="- ", subsequent_indent="  ") for text in texts)


def where(packages: dict[str, str]) -> str:
    return f"measured {datetime.date.today().isoformat()} on {machine()}, with {versions(packages)}"


def machine() -> str:
    processors = len(os.sched_getaffinity(0))
    kernel = ".".join(platform.release().split(".")[:2])
    return f"{processors} CPUs ({platform.machine()}), Linux {kernel}, {distribution()}"


def distribution() -> str:
    return platform.freedesktop_os_release()["PRETTY_NAME"]


def versions(more: dict[str, str]) -> str:
    """Of lull, and of the Debian packages."""
    packages = {
        "HAProxy": "haproxy",
        "tini": "tini",
        "Flask": "python3-flask",
        "waitress": "python3-waitress",
        "gunicorn": "gunicorn",
        "Express": "node-express",
        **more,
    }
    found = [f"{name} {upstream_version(package)}" for name, package in packages.items()]
    return ", ".join([run(LULL, "--version").replace(" version", "").partition(" - ")[0], *found])


def upstream_version(package: str) -> str:
    """Without Debian's revision."""
    version = run("dpkg-query", "-W", "-f", "${Version}", package).rpartition(":")[2]
    return version.partition("-")[0].partition("+")[0]


# --- Tables, from the raw results ---------------------------------------------------------------------------------


def tables() -> Parts:
    found = runs.read(DATA)
    return {
        "summary": summary(found),
        "setups": markdown(setups_table()),
        "failed": markdown(report.summary_table(found, report.span_of("failed"))),
        "times": markdown(report.summary_table(found, report.times)),
        "retries": markdown(report.summary_table(found, retries)),
        "others": markdown(others_table(found)),
    }


def lengths_tables() -> Parts:
    found = lengths.read(LENGTHS)
    return {
        "lengths-summary": lengths_summary(found),
        "lengths-setups": markdown(lengths_setups_table()),
        "lengths-failed": markdown(report.lengths_table(found, report.span_of("failed"))),
        "lengths-stops": markdown(report.lengths_table(found, report.stops)),
    }


def lengths_setups_table() -> report.Table:
    rows = [["setup", "command before the app's own"]]
    for name, words in setups.LENGTHS_INITS.items():
        rows.append([name, f"`{' '.join(words).removeprefix('/')}`" if words else "none"])
    return rows


def lengths_summary(found: Sequence[Results]) -> str:
    drains = [results[name] for results in found for name in lengths_with(setups.DRAIN)]
    ran = [result for result in drains if isinstance(result, Result)]
    lost = sum(bool(result.failed) for result in ran)
    faults = sum(bool(verdict.faults) for results in found for verdict in judge(results, LENGTHS_QUESTIONS))
    every = [result for results in found for result in results.values() if isinstance(result, Result)]
    requests = sum(result.requests.requests for result in every)
    return (
        f"- With drain: {lost} of {len(ran)} rolling restarts had a failed request.\n"
        f"- {len(found)} runs, {requests} requests in all. "
        f"`make test-drain` makes {len(LENGTHS_QUESTIONS)} checks in a run; {faults} failed."
    )


def markdown(table: report.Table) -> str:
    return "\n".join(report.as_markdown(table))


def setups_table() -> report.Table:
    rows = [["setup", "command before the app's own", "HAProxy's health check"]]
    for name, (words, check) in setups.INITS.items():
        command = f"`{' '.join(words).removeprefix('/')}`" if words else "none"
        asked = f"`{check.page}` on port {check.port}, answered by lull" if check.port else f"the app's `{check.page}`"
        rows.append([name, command, asked])
    return rows


def others_table(found: Sequence[Results]) -> report.Table:
    rows = [["setup", "app", "failed requests", "failed orders", "executed twice", "longest request"]]
    for setup in setups.others():
        ran = [result for results in found if isinstance(result := results[setup.name], Result)]
        longest = report.span([result.requests.max_ms for result in ran])
        counts = ([getattr(result, what) for result in ran] for what in ("failed", "orders_failed", "twice"))
        rows.append([setup.name, setup.app, *(report.span(values) for values in counts), f"{longest} ms"])
    return rows


def retries(results: list[Result]) -> str:
    return ", ".join(report.span_of(count)(results) for count in ("twice", "orders_failed"))


def summary(found: Sequence[Results]) -> str:
    cells = [(init, result) for results in found for _, init, result in report.cells(results)]
    lull = [result for init, result in cells if init == setups.LULL]
    lost = sum(bool(result.failed or result.orders_failed or result.twice) for result in lull)
    others = report.span([result.failed for init, result in cells if init != setups.LULL])
    requests = report.span([round(result.requests.requests, -1) for _, result in cells])
    orders = report.span([round(result.orders.requests, -1) for _, result in cells])
    faults = sum(bool(verdict.faults) for results in found for verdict in judge(results, QUESTIONS))
    return (
        f"- lull with a readiness signal: {lost} of {len(lull)} rolling restarts had a failed or repeated request.\n"
        f"- All other setups: {others} failed requests in each rolling restart.\n"
        f"- {len(found)} runs, with {requests} requests and {orders} orders in each restart. "
        f"`make test-drain` makes {len(QUESTIONS)} checks in a run; {faults} failed."
    )


def check() -> bool:
    page = PAGE.read_text(encoding="utf-8")
    return filled(page, tables(), lengths_tables()) == page


if __name__ == "__main__":
    try:
        if sys.argv[1:] == ["--check"]:
            if not check():
                raise Failed(f"{PAGE}: the tables differ from {DATA} or {LENGTHS}.csv; run tests/drain/page.py")
        elif sys.argv[1:]:
            raise Failed(__doc__)
        else:
            update(tables(), lengths_tables())
    except Failed as failure:
        sys.exit(str(failure))
