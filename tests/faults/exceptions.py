"""The losses that each fault may cause, with reasons. Any other loss fails the suite."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Exception_:
    calls: str  # this and the following are regular expressions that must match the whole text
    errors: str
    scenarios: str
    modes: str  # once, always, child, seccomp
    what: str  # the loss, or the message of the failure
    why: str


TABLE: list[Exception_] = []


def allow(calls: str, what: str, why: str, *, errors: str = ".*", scenarios: str = ".*", modes: str = ".*") -> None:
    TABLE.append(Exception_(calls, errors, scenarios, modes, what, why))

# Without /proc, lull searches children by PID: up to 250 ms a sweep, for 2 s after SIGKILL. Then it exits.
CPU_S = dict.fromkeys(("open", "openat", "read", "getdents64"), 4.0)

# times(2), which replaces a denied clock, counts in 10 ms.
EARLY_S = {"clock_gettime": 0.010}


def find(call: str, error: str, scenario: str, mode: str, what: str) -> Exception_ | None:
    for row in TABLE:
        pairs = ((row.calls, call), (row.errors, error), (row.scenarios, scenario), (row.modes, mode), (row.what, what))
        if all(re.fullmatch(pattern, word) for pattern, word in pairs):
            return row
    return None


# --- Losses with a warning, and losses that have no alternative ---

allow("kill|rt_sigqueueinfo", "signal|orphan's signal", "a signal that may not be sent is lost, with a warning")
allow("open|access|lstat|stat", "drain file", "the drain file is lost, with a warning")
allow("open|write|stat", "report", "the report is lost, with a warning")
allow("clone|fork|execve|dup2|rt_sigprocmask", "pre-stop", "the pre-stop program is lost, with a warning")
allow(".*", "late pre-stop", "on a busy machine it does not run within its 250 ms", scenarios="whole stop.*")
allow("write", "pre-stop", "the pre-stop program itself writes the line", scenarios="whole stop", modes="child")
allow("accept4|recvfrom|sendto|shutdown|fcntl|setsockopt", "answer none", "one request is lost; balancers ask again")
allow("poll|fstat|pwritev2|sendto|write|open|ioctl|fcntl", "line", "a line that cannot be written is dropped")
allow("poll|fstat|pwritev2|sendto|write|open|ioctl|fcntl", "no error line", "the line could not be written; the status shows the error")
allow("pipe2|close|read", "no error line", "the reason is sent through a pipe; the status shows the error")
allow("poll|fstat|pwritev2|write", "status [12], without an error line.*", "the line could not be written", scenarios="--ready.*")
allow(".*", "answer", "without a check the result is 'not ready', with a line", scenarios="--ready.*")
allow("write", "output", "it could not be written; the status shows the error", scenarios="--explain")

# --- /proc ---

PROC = "open|openat|read|getdents64"
allow(PROC, "line", "the names of killed processes come from /proc")
allow(PROC, "remaining.*", "without /proc a sweep finds one generation", scenarios="kills a tree")
allow(PROC, "orphan's signal", "a remaining process that cannot be read gets only SIGKILL", modes="once")

# --- Errors that are regular results ---

ENDS = "(lull ended before|status 137, not|remaining|never came: (lull ends|the orphan)|continuation|signal).*"
ALONE = f"{ENDS}|line|SIGKILL after .* before its time.*"
allow("wait4", ALONE, "ECHILD means that there is no child", errors="ECHILD")
allow("open", "continuation", "ENXIO means that there is no terminal", errors="ENXIO")
allow("kill", "continuation", "the app is not continued, but SIGKILL kills it")
allow("kill", "the group's signal", "ESRCH means that the group is empty: the app gets it", errors="ESRCH")
allow("setpgid", "continuation", "in lull's own group, which is orphaned, Ctrl-Z stops no process", modes="child")

# --- Without these there is no init, or no subreaper ---

DENIED = "always|seccomp"
allow("prctl", "remaining.*", "without a subreaper orphans are not lull's children")
NO_PID = "remaining.*|continuation|lull ended before the app .*: status 129.*"  # its own SIGHUP is forwarded
allow("getpid", f"{NO_PID}|orphan's signal", "lull does not get its own PID")
allow("wait4", ENDS, "lull cannot reap without it; a shutdown ends in time", modes=DENIED)
NO_SIGNALS = "never came: (the app gets|any HUP|lull ends).*|continuation|the group's signal"
allow("rt_sigtimedwait", NO_SIGNALS, "lull gets no signal without it", modes=DENIED)
allow("kill", "(remaining|never came: lull ends).*", "lull cannot send signals without it", modes=DENIED)
allow("close", "never came: (the app gets|any HUP|lull ends|the endpoint returns 200).*",
      "a real EINTR of close(2) closes the descriptor; the injected one does not, and lull waits for the pipe's end", errors="EINTR")
allow("clone", "never came: the app is ready.*", "the app needs the call itself", scenarios="exits by itself", modes="seccomp")
NETWORK = "accept4|recvfrom|sendto|bind|listen|socket|shutdown"
allow(NETWORK, "never came: the endpoint returns 200.*", "there is no response without it", modes=DENIED)


def find_for(job: dict, what: str) -> Exception_ | None:
    if "call" not in job:
        return None
    mode = "child" if job.get("follow") else job["mode"]
    return find(job["call"], job.get("error", ""), job["scenario"], mode, what)
