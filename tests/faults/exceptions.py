"""What a fault may cost, and why. What is not here and is lost or broken fails the suite."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Exception_:
    calls: str  # all of them regular expressions, of the whole word
    errors: str
    scenarios: str
    modes: str  # once, always, child, seccomp
    what: str  # of the loss, or of the words that say what is broken
    why: str


TABLE: list[Exception_] = []


def allow(calls: str, what: str, why: str, *, errors: str = ".*", scenarios: str = ".*", modes: str = ".*") -> None:
    TABLE.append(Exception_(calls, errors, scenarios, modes, what, why))


def find(call: str, error: str, scenario: str, mode: str, what: str) -> Exception_ | None:
    for row in TABLE:
        pairs = ((row.calls, call), (row.errors, error), (row.scenarios, scenario), (row.modes, mode), (row.what, what))
        if all(re.fullmatch(pattern, word) for pattern, word in pairs):
            return row
    return None
