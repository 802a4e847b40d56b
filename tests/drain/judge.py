"""The conditions for a run. lull's counts must be 0; those of other inits must be large enough, or the test proves nothing.

A single restart of another init proves little, so whole rows and columns of the table are judged.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import setups
from report import kinds
from restart import APPS, LENGTHS_APPS, Result

FAIL_AT_LEAST = 4  # requests in a restart, on average over the restarts of a question
CUT_AT_LEAST = 8  # requests of random lengths, of all apps, without lull
SHORT_CUT_AT_LEAST = 1  # the same with a delay that is shorter than the longest requests
FASTER_AT_LEAST = 2.0  # stop time with a delay for the longest request, divided by that with a drain; medians
TWICE_AT_LEAST = 10  # orders, of all apps and all inits except lull


@dataclass(frozen=True)
class Verdict:
    text: str
    names: Sequence[str]  # of the restarts
    faults: list[str]


Answer = tuple[str, list[str]]  # a summary of the results, and the faults


@dataclass(frozen=True)
class Question:
    """A condition for some of the restarts."""

    title: str
    names: Sequence[str]
    ask: Callable[[Sequence[Result]], Answer]


def judge(results: Mapping[str, Result | Exception], questions: Sequence[Question]) -> Iterator[Verdict]:
    for question in questions:
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


def no_request_fails(results: Sequence[Result]) -> Answer:
    (result,) = results
    stop = f"time to stop {statistics.median(result.stop_s):.1f} s, at most {max(result.stop_s):.1f} s"
    faults = [f"requests failed ({kinds(result.requests.failed)})"] if result.failed else []
    return f"{result.failed} of {result.requests.requests} requests failed; {stop}", faults


def fail_at_least(least: int) -> Callable[[Sequence[Result]], Answer]:
    def ask(results: Sequence[Result]) -> Answer:
        failed = sum(result.failed for result in results)
        seen = f"{failed} of {sum(result.requests.requests for result in results)} requests failed"
        return seen, too_few(failed, least)

    return ask


def median_stop(results: Sequence[Result]) -> float:
    return statistics.median(time for result in results for time in result.stop_s)


def drain_is_faster(results: Sequence[Result]) -> Answer:
    """The first half are those with a drain."""
    half = len(results) // 2
    drain, delay = (median_stop(part) for part in (results[:half], results[half:]))
    seen = f"median time to stop {drain:.1f} s, and {delay:.1f} s with the delay"
    return seen, [] if drain * FASTER_AT_LEAST <= delay else [f"that is less than {FASTER_AT_LEAST:g} times as fast"]


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


def lengths_with(init: str) -> list[str]:
    return [setups.lengths_name(app, init) for app in LENGTHS_APPS]


SHORT, LONG = (setups.DELAYS[delay] for delay in (setups.SHORT_S, setups.LONG_S))

LENGTHS_QUESTIONS = [
    *(alone(name, no_request_fails) for name in lengths_with(setups.DRAIN)),
    *(
        Question(f"lengths: all apps, {init}", lengths_with(init), fail_at_least(CUT_AT_LEAST))
        for init in ("no init", "tini")
    ),
    Question(f"lengths: all apps, {SHORT}", lengths_with(SHORT), fail_at_least(SHORT_CUT_AT_LEAST)),
    Question(
        f"lengths: all apps, drain or {LONG}", [*lengths_with(setups.DRAIN), *lengths_with(LONG)], drain_is_faster
    ),
]
