"""What a run must show. lull's counts must be 0; those of the others must be large enough for that to mean something.

A count is never compared exactly, and a single restart of the others proves little: the rows and columns of the table
are judged, not its cells. This module starts and prints nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import setups
from report import kinds
from restart import APPS, Result

FAIL_AT_LEAST = 4  # requests in a restart, on average over those of a question
TWICE_AT_LEAST = 10  # orders, over all apps and inits but lull


@dataclass(frozen=True)
class Verdict:
    text: str
    names: Sequence[str]  # of the restarts that it is about
    faults: list[str]


Answer = tuple[str, list[str]]  # what was seen, and what is wrong with it


@dataclass(frozen=True)
class Question:
    """About some of the restarts."""

    title: str
    names: Sequence[str]
    ask: Callable[[Sequence[Result]], Answer]


def judge(results: Mapping[str, Result | Exception]) -> Iterator[Verdict]:
    for question in QUESTIONS:
        found = [results[name] for name in question.names]
        ran = [result for result in found if isinstance(result, Result)]
        if len(ran) < len(found):
            missing = [f"{name} did not run: {results[name]}" for name in question.names if results[name] not in ran]
            yield Verdict(question.title, question.names, missing)
        else:
            seen, faults = question.ask(ran)
            yield Verdict(f"{question.title}: {seen}", question.names, faults)


def nothing_is_lost(results: Sequence[Result]) -> Answer:
    (result,) = results
    asked, ordered = result.requests, result.orders
    seen = f"{result.failed} of {asked.requests} requests failed; with the balancer's retries "
    seen += f"{result.orders_failed} of {ordered.requests} orders failed, {result.twice} were executed twice"
    faults = [f"requests failed ({kinds(asked.failed)})"] if result.failed else []
    faults += [f"orders failed ({kinds(ordered.failed)})"] if result.orders_failed else []
    faults += ["orders were executed twice"] if result.twice else []
    return seen, faults


def nothing_comes_early(results: Sequence[Result]) -> Answer:
    seen, faults = nothing_is_lost(results)
    early = results[0].tried_again
    return f"{seen}; {early} came before a server listened", faults + (["some came too early"] if early else [])


def some_fail(results: Sequence[Result]) -> Answer:
    failed = sum(result.failed for result in results)
    seen = f"{failed} of {sum(result.requests.requests for result in results)} requests failed"
    return seen, too_few(failed, FAIL_AT_LEAST * len(results))


def some_are_repeated(results: Sequence[Result]) -> Answer:
    twice = sum(result.twice for result in results)
    seen = f"{twice} of {sum(result.orders.requests for result in results)} orders were executed twice"
    return seen, too_few(twice, TWICE_AT_LEAST)


def too_few(count: int, least: int) -> list[str]:
    return [] if count >= least else [f"less than {least} proves nothing"]


def with_init(init: str) -> list[str]:
    return [setups.table_name(app, init) for app in APPS]


def without_lull(app: str) -> list[str]:
    return [setups.table_name(app, init) for init in setups.PEERS]


def alone(name: str, ask: Callable[[Sequence[Result]], Answer]) -> Question:
    return Question(name, [name], ask)


WITHOUT_LISTENS, WITH_LISTENS = (setup.name for setup in setups.starts())

QUESTIONS = [
    *(alone(name, nothing_is_lost) for name in with_init(setups.LULL)),
    *(Question(f"{app}, without lull", without_lull(app), some_fail) for app in APPS),
    *(Question(f"all apps, {init}", with_init(init), some_fail) for init in setups.PEERS),
    Question("all apps, without lull", [name for app in APPS for name in without_lull(app)], some_are_repeated),
    *(alone(setup.name, nothing_is_lost) for setup in setups.ways()),
    alone(WITHOUT_LISTENS, some_fail),
    alone(WITH_LISTENS, nothing_comes_early),
    *(alone(setups.sweep_name(delay, readiness=True), some_fail) for delay in setups.TOO_SHORT),
]
