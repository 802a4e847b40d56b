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


# --- What is lost with a warning, or by its nature ---

allow("kill|rt_sigqueueinfo", "signal", "a signal that may not be sent is lost, with a warning")
allow("open|access|lstat|stat", "drain file", "the drain file is lost, with a warning")
allow("open|write|stat", "report", "the report is lost, with a warning")
allow("clone", "pre-stop", "the pre-stop program is lost, with a warning")
allow("accept4|recvfrom|sendto|shutdown|fcntl|setsockopt", "answer none", "one request is lost; balancers ask again")
allow("poll|fstat|pwritev2|sendto|write|open|ioctl|fcntl", "line", "a line that can not be written is dropped")
allow("write", "no line says why", "the line itself could not be written; the status tells")
allow("prctl", ".*left behind.*", "orphans of one who is no subreaper are not its own", scenarios="exits by itself|leftovers")
allow("open|openat|read|getdents64", "line", "what is killed is named by what /proc says")

# --- Without these there is no init ---

ENDS = "(lull ended before|status 137, not|left behind|never came: lull ends|signal).*"
allow("wait4", ENDS, "ECHILD is no failure: it is the answer that no child is left", errors="ECHILD")
allow("wait4", ENDS, "no end can be seen without it; a stop ends in time", modes="always|seccomp")
allow("rt_sigtimedwait", "never came: the app gets .*", "no signal can be taken without it", modes="always|seccomp")
allow("kill", "left behind.*", "nobody can be ended without it; lull itself leaves in time", modes="always|seccomp")
allow("(accept4|recvfrom|sendto|bind|listen|socket|shutdown)", "never came: the endpoint says 200.*", "there is no answer without it", modes="always|seccomp")
