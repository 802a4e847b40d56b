"""Checks of single pods: how they stop, what a probe sees, and what a kubelet reads afterwards."""

import contextlib
import copy
import http.client
from collections.abc import Callable, Iterator
from pathlib import Path

from cases import Change, Template, container_of, manifests, set_env, set_hook, unchanged
from cri import PYTHON, Runtime
from kubelet import Ending, Pod

from common import must, must_match  # isort: skip

LAG_S = 15.0  # of a busy machine, for what is expected immediately; less than the drain timeout
PORT = 8080
REQUEST_S = 8
IGNORES = f"""\
import http.server, signal, socketserver
signal.signal(signal.SIGTERM, signal.SIG_IGN)
socketserver.TCPServer(("", {PORT}), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
APP_IS_WELL = f"import urllib.request; urllib.request.urlopen('http://127.0.0.1:{PORT}/health')"

REPORT = (
    r"lull: \S+; exit {exit}; ran \S+ m?s; ended by a shutdown; {how}; stop signal SIGTERM; "
    r"sender outside the container; started \S+; .*"
)
CLEAN = REPORT.format(exit=0, how="app exited with status 0") + "no process killed"


@contextlib.contextmanager
def pod(runtime: Runtime, name: str, change: Change = unchanged) -> Iterator[Pod]:
    """A ready pod; it is deleted at the end if it was not."""
    template = copy.deepcopy(manifests()[1]["spec"]["template"])
    change(template)
    one = Pod(runtime, name, template, lambda: None)
    try:
        one.create()
        one.wait_for_readiness()
        yield one
    finally:
        if not one.is_deleted:
            one.kill()


def end(one: Pod) -> Ending:
    one.delete()
    return one.wait_for_end()


def must_take(ending: Ending, from_s: float, to_s: float) -> None:
    must(from_s <= ending.took_s <= to_s, f"it took {ending.took_s:.2f} s to stop\n{ending.log}")


# --- The example as it is -----------------------------------------------------------------------------------------


def idle(runtime: Runtime) -> None:
    """Without a request, it stops when the delay of 5 s is over."""
    with pod(runtime, "idle") as one:
        ending = end(one)
    must(ending.status == 0, f"exit status {ending.status}\n{ending.log}")
    must_take(ending, 5, 5 + LAG_S)
    must_match(CLEAN, ending.message)
    must_match(".*; drained in [0-9.]+ m?s: no connection is busy; .*", ending.message)


def long_request(runtime: Runtime) -> None:
    """A request that ends after the delay is answered, and the pod stops right after it."""
    with pod(runtime, "long") as one:
        connection = http.client.HTTPConnection(one.address, PORT, timeout=60)
        connection.request("GET", f"/{REQUEST_S}")
        ending = end(one)
    answer = connection.getresponse()
    must(answer.status == 200 and answer.read().endswith(b"end\n"), "the request was cut")
    must(ending.status == 0, f"exit status {ending.status}\n{ending.log}")
    must_take(ending, REQUEST_S - 1, REQUEST_S + LAG_S)


def isolation(runtime: Runtime) -> None:
    """lull --pause is the first process of the pod; lull has the securityContext of the example."""
    pauses = count_of(b"/lull\0--pause\0")
    with pod(runtime, "isolation") as one:
        must(count_of(b"/lull\0--pause\0") > pauses, "no process of the sandbox is lull --pause")
        script = "print(open('/proc/1/status').read()); open('/file', 'w')"
        answer = runtime.call("ExecSync", 5, container_id=one.id, cmd=[str(PYTHON), "-c", script], timeout=5)
    status = answer.stdout.decode()
    for line in ("Name:\tlull:on:8080", r"Uid:\t65534\t.*", r"CapBnd:\t0+", r"NoNewPrivs:\t1"):
        must_match(line, status)
    must("Read-only file system" in answer.stderr.decode(), "the root is not read-only")


def count_of(command: bytes) -> int:
    """Processes with this command line."""
    count = 0
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            count += file.read_bytes() == command
    return count


# --- The end of the grace period ----------------------------------------------------------------------------------


def stubborn(template: Template) -> None:
    """An app that ignores SIGTERM from before it listens, and a grace period of 8 s."""
    container = container_of(template)
    template["spec"]["terminationGracePeriodSeconds"] = 8
    container["args"] = [str(PYTHON), "-c", IGNORES]
    container["readinessProbe"] |= {"periodSeconds": 1, "timeoutSeconds": 5}
    set_env(template, LULL_GRACE="8s", LULL_DELAY="1s", LULL_DRAIN_TIMEOUT=None)


def stubborn_and_hook(template: Template) -> None:
    """Starting the hook takes time too: 8 s - 3 s - 1 s."""
    stubborn(template)
    set_hook(template, 3)
    set_env(template, LULL_GRACE="4s")


def stubborn_and_wrong_hook(template: Template) -> None:
    stubborn(template)
    set_hook(template, 3)


def killed_by_lull(runtime: Runtime, change: Change) -> None:
    """With SIGKILL from containerd there would be no message."""
    with pod(runtime, change.__name__, change) as one:
        ending = end(one)
    must(ending.status == 137, f"exit status {ending.status}\n{ending.log}")
    # A probe that is being started may be named as well.
    must_match(REPORT.format(exit=137, how="app killed by SIGKILL") + r"killed .*\bpython3 \(\w+\).*", ending.message)


def killed_by_containerd(runtime: Runtime) -> None:
    """A hook of 3 s, and LULL_GRACE as without it: containerd is first, and there is no message."""
    with pod(runtime, "wrong-hook", stubborn_and_wrong_hook) as one:
        ending = end(one)
    must(ending.status == 137, f"exit status {ending.status}\n{ending.log}")
    must(ending.took_s >= 8, f"it took {ending.took_s:.2f} s to stop\n{ending.log}")
    must(not ending.message, f"a message: {ending.message}")


# --- Probes -------------------------------------------------------------------------------------------------------


def probe_with_command(template: Template) -> None:
    probe = container_of(template)["readinessProbe"]
    probe["exec"]["command"] += ["--", str(PYTHON), "-c", APP_IS_WELL]
    probe |= {"periodSeconds": 1, "timeoutSeconds": 5}


def probe_runs_command(runtime: Runtime) -> None:
    """Ready if lull and the command both are: the app's check counts, and a shutdown too."""
    with pod(runtime, "probe", probe_with_command) as one:
        get(one, "/sick")
        one.wait_for_readiness(False)
        get(one, "/well")
        one.wait_for_readiness()
        one.delete()
        one.wait_for_readiness(False)
        must(not one.ended.is_set(), "it was not ready only because it had ended")
        get(one, "/health")  # the app itself is well
        one.wait_for_end()


def get(one: Pod, path: str) -> None:
    connection = http.client.HTTPConnection(one.address, PORT, timeout=10)
    connection.request("GET", path, headers={"Connection": "close"})
    status = connection.getresponse().status
    must(status == 200, f"{path}: {status}")


CHECKS: dict[str, Callable[[Runtime], None]] = {
    "an idle pod stops when the delay is over; the termination message is lull's report": idle,
    "a request in progress is answered, and the pod stops right after it": long_request,
    "lull --pause is the sandbox; lull runs with the securityContext of the example": isolation,
    "lull kills an app that ignores SIGTERM 1 s before containerd would": lambda r: killed_by_lull(r, stubborn),
    "the same with a preStop hook, if LULL_GRACE is reduced": lambda r: killed_by_lull(r, stubborn_and_hook),
    "a preStop hook, LULL_GRACE not reduced: containerd kills, and there is no message": killed_by_containerd,
    "a probe that becomes a command: ready if both are": probe_runs_command,
}
