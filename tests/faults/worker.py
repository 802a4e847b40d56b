"""Runs jobs one after the other in new namespaces, and judges them. A job is a line of JSON on stdin. Its result is a line of
JSON on stdout."""

import fcntl
import json
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import exceptions
from run import HOPELESS_S, PROBE, TOOLS, Broken, Ended, Run
from scenarios import ALL, DELAYED

# The calls that lull may make in addition to a run without a fault: it tries alternatives, or polls every 10 ms. A busy
# loop makes tens of thousands.
CALLS_MORE = 8000
CPU_S = 0.5  # the limit of CPU time, of all processes of the run
EXEC_CALLS = ("execve", "execveat", "rt_sigprocmask")  # the child restores the mask just before execve
PLAYED = ALL | DELAYED
ERROR_LINE = r'^lull: (?!warning)|"level":"error"'


def failed_with_error(run: Run) -> bool:
    """Whether lull exited with an error line and the right status before the app started."""
    scenario = PLAYED[run.job["scenario"]]
    wanted = {scenario.failed, *(scenario.not_run if run.job.get("call") in EXEC_CALLS else ())}
    has_error_line = re.search(ERROR_LINE, run.err, re.M) is not None
    started = run.runs or re.search("^(ready|SigBlk)", run.out, re.M)
    return not started and run.status in wanted and has_error_line


def check_all(run: Run) -> None:
    """Checks what must hold after every run."""
    for signo in set(run.sent):
        run.expect(run.got(signo) == run.sent.count(signo), f"signal {signo} came {run.got(signo)} times")
    run.expect(run.master >= 0 or "lull:" not in run.out, "lull wrote to stdout")


def busy(run: Run) -> str:
    """Describes a busy loop, or returns "". No fault may cause one."""
    # Not counted: without /proc, lull searches children by PID, for at most 250 ms at a time. Without close_range(2), it
    # closes each possible descriptor.
    calls = [line for line in run.lines() if not re.search(r"waitid\(P_PID|^close\(\d+\) += -1 EBADF", line)]
    if len(calls) > 3 * run.job.get("calls", 1000) + CALLS_MORE:
        return f"a busy loop: {len(calls)} calls"
    cpu_s = run.cpu_s or run.cpu_until_now_s()
    allowed_s = exceptions.CPU_S.get(run.job.get("call", ""), CPU_S)
    return f"a busy loop: {cpu_s:.2f} s of CPU time" if run.strace is None and cpu_s > allowed_s else ""


def play(run: Run) -> tuple[str, str]:
    """Returns the kind of the verdict, and a description."""
    try:
        PLAYED[run.job["scenario"]].play(run)
        check_all(run)
        return ("lost", ", ".join(run.losses)) if run.losses else ("held", "")
    except (Broken, Ended) as failure:
        reason = str(failure) if isinstance(failure, Broken) else f"lull ended before {failure}: status {run.status}"
    run.hopeless = True
    try:
        run.leave()
        check_all(run)
    except Broken as failure:
        return "broken", f"{reason}; {failure}"
    return ("error", "") if failed_with_error(run) else ("broken", reason)


def app_alone(job: dict) -> bytes:
    """The output of the app under the same filter, without lull."""
    command = [str(TOOLS / "deny"), job["error"], str(job["number"]), PROBE, "state"]
    app = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = b""
    while b"ready" not in output and select.select([app.stdout], [], [], HOPELESS_S)[0]:
        data = os.read(app.stdout.fileno(), 65536)
        if not data:
            break
        output += data
    app.kill()
    app.wait()
    app.stdout.close()
    return re.sub(rb"\d+", b"", output)  # PIDs


def app_needs_call(job: dict, known: dict = {}) -> bool:
    """Whether the app behaves differently with this call denied: the filter applies to it too."""
    key = (job["error"], job["number"])
    if key not in known:
        known[key] = app_alone(job)
    none = (job["error"], 9999)
    if none not in known:
        known[none] = app_alone(job | {"number": 9999})
    return known[key] != known[none]


def judge(run: Run) -> dict:
    job = run.job
    if job["mode"] == "seccomp" and app_needs_call(job):
        return {"kind": "app", "words": "the app itself needs it", "calls": 0, "why": ""}
    kind, words = play(run)
    if busy(run):
        kind, words = "busy", f"{busy(run)}; {words}"
    lines = run.lines()
    answer = {"kind": kind, "words": words, "calls": len(lines), "why": ""}
    if job["mode"] in ("once", "delay") and not any(re.search(r"\((INJECTED|DELAYED)\)", line) for line in lines):
        answer["missed"] = True
    if kind in ("lost", "broken"):
        found = [exceptions.find_for(job, what) for what in (run.losses if kind == "lost" else [words])]
        if all(found):
            answer["why"] = "\n".join(dict.fromkeys(row.why for row in found))
    if job["mode"] == "trace":
        answer["trace"] = lines
    if kind in ("broken", "busy") or kind == "lost" and not answer["why"]:
        answer |= {"out": run.out[-2000:], "err": run.err[-2000:], "trace": lines[-60:]}
    return answer


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP: netdevice(7)


def main() -> None:
    loopback_up()
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    for line in sys.stdin:
        shutil.rmtree(directory)
        directory.mkdir()
        run = Run(json.loads(line), directory)
        answer = judge(run)
        run.clear()
        print(json.dumps(answer), flush=True)
    shutil.rmtree(directory)


main()
