"""What a fault may cost, and why. Any other loss fails the suite."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Exception_:
    calls: str  # all of them regular expressions, of the whole word
    errors: str
    scenarios: str
    modes: str  # once, always, child, seccomp
    what: str  # of the loss, or of the text of the failure
    why: str


TABLE: list[Exception_] = []


def allow(calls: str, what: str, why: str, *, errors: str = ".*", scenarios: str = ".*", modes: str = ".*") -> None:
    TABLE.append(Exception_(calls, errors, scenarios, modes, what, why))

# Without /proc children are searched by PID: up to 250 ms a sweep, for 2 s after SIGKILL; then lull exits.
CPU_S = dict.fromkeys(("open", "openat", "read", "getdents64"), 4.0)

# times(2), which replaces a denied clock, counts in 10 ms.
EARLY_S = {"clock_gettime": 0.010}


def find(call: str, error: str, scenario: str, mode: str, what: str) -> Exception_ | None:
    for row in TABLE:
        pairs = ((row.calls, call), (row.errors, error), (row.scenarios, scenario), (row.modes, mode), (row.what, what))
        if all(re.fullmatch(pattern, word) for pattern, word in pairs):
            return row
    return None


# --- What is lost with a warning, or by its nature ---

allow("kill|rt_sigqueueinfo", "signal|orphan's signal", "a signal that may not be sent is lost, with a warning")
allow("open|access|lstat|stat", "drain file", "the drain file is lost, with a warning")
allow("open|write|stat", "report", "the report is lost, with a warning")
allow("clone|fork|execve|dup2|rt_sigprocmask", "pre-stop", "the pre-stop program is lost, with a warning")
allow(".*", "late pre-stop", "a busy machine does not run it in its 250 ms", scenarios="whole stop.*")
allow("write", "pre-stop", "the line is the pre-stop program's own", scenarios="whole stop", modes="child")
allow("accept4|recvfrom|sendto|shutdown|fcntl|setsockopt", "answer none", "one request is lost; balancers ask again")
allow("poll|fstat|pwritev2|sendto|write|open|ioctl|fcntl", "line", "a line that cannot be written is dropped")
allow("poll|fstat|pwritev2|sendto|write|open|ioctl|fcntl", "no line says why", "the line itself could not be written; the status tells")
allow("pipe2|close|read", "no line says why", "why exec failed comes through a pipe; the status tells")
allow("poll|fstat|pwritev2|write", "status [12] (while it drains|without a word)", "likewise", scenarios="--ready.*")
allow(".*", "answer", "without a check the result is 'not ready', with a line", scenarios="--ready.*")
allow("write", "words", "they could not be written; the status tells", scenarios="--explain")

# --- What is seen in /proc ---

PROC = "open|openat|read|getdents64"
allow(PROC, "line", "the names of killed processes come from /proc")
allow(PROC, "remaining.*", "without /proc a generation is found a sweep", scenarios="kills a tree")
allow(PROC, "orphan's signal", "a remaining process that cannot be read gets only SIGKILL", modes="once")

# --- Answers that are no failures ---

ENDS = "(lull ended before|status 137, not|remaining|never came: (lull ends|the orphan)|continuation|signal).*"
ALONE = f"{ENDS}|line|SIGKILL after .* before its time.*"
allow("wait4", ALONE, "ECHILD is the answer that no child is left", errors="ECHILD")
allow("open", "continuation", "ENXIO is the answer that there is no terminal", errors="ENXIO")
allow("kill", "continuation", "it is not continued, but SIGKILL ends it")
allow("kill", "the group's signal", "ESRCH means that the group is empty: the app gets it", errors="ESRCH")
allow("setpgid", "continuation", "in lull's own group, which is orphaned, Ctrl-Z stops no process", modes="child")

# --- Without these there is no init, or no subreaper ---

DENIED = "always|seccomp"
allow("prctl", "remaining.*", "without a subreaper orphans are not lull's children")
STRANGER = "remaining.*|continuation|lull ended before the app .*: status 129.*"  # its own SIGHUP is forwarded
allow("getpid", f"{STRANGER}|orphan's signal", "it does not know its PID")
allow("wait4", ENDS, "no end can be seen without it; a stop ends in time", modes=DENIED)
UNHEARD = "never came: (the app gets|any HUP|lull ends).*|continuation|the group's signal"
allow("rt_sigtimedwait", UNHEARD, "no signal can be taken without it", modes=DENIED)
allow("kill", "(remaining|never came: lull ends).*", "no process can be signalled without it", modes=DENIED)
allow("close", "never came: (the app gets|any HUP|lull ends|the endpoint says 200).*",
      "an interrupted close(2) has closed the descriptor; the injected error has not, and lull waits for the pipe's end", errors="EINTR")
allow("clone", "never came: the app is ready.*", "the app starts a process itself", scenarios="exits by itself", modes="seccomp")
NETWORK = "accept4|recvfrom|sendto|bind|listen|socket|shutdown"
allow(NETWORK, "never came: the endpoint says 200.*", "there is no response without it", modes=DENIED)


def find_for(job: dict, what: str) -> Exception_ | None:
    if "call" not in job:
        return None
    mode = "child" if job.get("follow") else job["mode"]
    return find(job["call"], job.get("error", ""), job["scenario"], mode, what)
