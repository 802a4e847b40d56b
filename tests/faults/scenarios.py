"""The scenarios: what the test does to lull, and what must happen. Each runs without a fault to find the calls, then once
for each fault.

A scenario calls lose() if lull does less. exceptions.py lists the losses that each fault may cause.
"""

import http.client
import os
import re
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from run import LAUNCH, LULL, PROBE, Run, now

HUP, INT, KILL, USR1, USR2, TERM, CONT, STOP, TSTP = 1, 2, 9, 10, 12, 15, 18, 19, 20
READY_PORT, APP_PORT = 8080, 8081


@dataclass(frozen=True)
class Scenario:
    play: Callable[[Run], None]
    failed: int = 125  # lull's exit status if it failed
    not_run: tuple[int, ...] = (126, 127)  # lull's exit status if the command cannot be executed


ALL: dict[str, Scenario] = {}
DELAYED: dict[str, Scenario] = {}  # scenarios in which a call takes DELAY_S
DELAY_S = 3.0
SLACK_S = 0.9  # how late a signal may be on a busy machine


def scenario(name: str, table: dict[str, Scenario] = ALL, **fields) -> Callable:
    def add(play: Callable[[Run], None]) -> Callable[[Run], None]:
        assert name not in ALL | DELAYED, name
        table[name] = Scenario(play, **fields)
        return play

    return add


def expect_status(run: Run, *wanted: int) -> None:
    run.leave()
    run.expect(run.status in wanted, f"status {run.status}, not {' or '.join(map(str, wanted))}")


def stop_app(run: Run, status: int, kills_at_s: float = 3) -> None:
    """SIGTERM stops the app, or SIGKILL if SIGTERM could not be sent."""
    begun = now()
    if run.forward(TERM):
        expect_status(run, status)
    else:
        expect_status(run, 137)
        run.in_time(begun, kills_at_s, "SIGKILL")


def expect_inherited_state(run: Run) -> None:
    """Checks that the app has the signal mask and the descriptors that lull was started with."""
    run.expect(re.search(r"^SigBlk:\t0{16}\r?$", run.out, re.M), "the app's signal mask is not that of lull's start")
    run.expect(re.search(r"^fds 0 1 2\r?$", run.out, re.M), "the app's descriptors are not those of lull's start")


# --- Plain runs ---


def plain(run: Run, **where) -> None:
    run.start(["-t", "3s"], [PROBE, "state", "exit=15:7"], **where)
    run.app_ready()
    expect_inherited_state(run)
    run.forward_all(USR1, USR2)
    stop_app(run, 7)


@scenario("plain")
def _(run: Run) -> None:
    plain(run)


@scenario("plain, PID 1")
def _(run: Run) -> None:
    plain(run, pid1=True, zombie=True)


@scenario("exits by itself")
def _(run: Run) -> None:
    words = ["-p", "KILL", "-e", "143", "-w", "-t", "3s"]
    run.start(words, [PROBE, "orphan", "exit=1:143", "exit=15:0"], stderr="file")
    run.app_ready(2)
    if not run.forward(HUP):
        run.kill(TERM)
    expect_status(run, 0, *[137] * ("cannot send" in run.err))


@scenario("not found")
def _(run: Run) -> None:
    run.start(["--report", str(run.directory / "report")], ["no-such-program"], env={"PATH": "/none:/bin"})
    expect_status(run, 127)
    run.expect(re.search("^lull: (?!warning)", run.err, re.M), "no error line")


@scenario("not executable")
def _(run: Run) -> None:
    (run.directory / "damaged").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00" + bytes(100))
    (run.directory / "damaged").chmod(0o755)
    run.start([], [str(run.directory / "damaged")])
    expect_status(run, 126)
    run.expect(re.search("^lull: (?!warning)", run.err, re.M), "no error line")


# --- Stops ---


def readiness(run: Run) -> str:
    """The response to a load balancer: "" if there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", READY_PORT, timeout=2)
    try:
        connection.request("GET", "/")
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def expect_readiness(run: Run, wanted: str) -> None:
    """Checks the response. One may be missing, because load balancers try again."""
    answer = readiness(run)
    if answer != wanted:
        run.lose(f"answer {answer or 'none'}")
        run.wait(f"the endpoint returns {wanted}", lambda: readiness(run) == wanted or "warning" in run.err)


PRE_STOP_LOST = r"pre-stop program .*(; the shutdown continues|exited|was killed)"
# On a slow machine lull kills it when its 250 ms are over, or with all others.
PRE_STOP_LATE = r"pre-stop program .*timed out|SIGKILL to.*: .*\d+ (launch|lull:\w+) \("
STOP_LINES = ("lull: stopping:", "lull: stopped in", "sending SIGKILL to: ")


def whole_stop(run: Run, **where) -> None:
    drain_file, report = run.directory / "draining", run.directory / "report"
    for old in (drain_file, report):
        old.unlink(missing_ok=True)
    listener = socket.create_server(("127.0.0.1", APP_PORT))
    client = socket.create_connection(("127.0.0.1", APP_PORT))
    client.send(b"GET")  # is not read: the connection is busy, also if lull cannot check it
    words = ["--delay", "250ms", "--drain-timeout", "150ms", "--timeout", "500ms"]
    words += ["--pre-stop", LAUNCH, "--drain-file", str(drain_file)]
    words += ["--report", str(report), "--ready-on", f"127.0.0.1:{READY_PORT}", "--listens", str(APP_PORT)]
    run.start(words, [PROBE, "times"], **where)
    run.app_ready()
    expect_readiness(run, "200")
    run.forward(USR1)
    if run.job.get("late"):
        run.attach()
    begun = now()
    run.send(TERM)
    run.wait("the stop begins", lambda: "lull: stop" in run.err or run.got(TERM))
    expect_readiness(run, "503")
    run.forward(USR2)
    if run.expect_got(TERM):
        run.in_time(begun, 0.4, "SIGTERM", run.got_at(TERM))
    run.wait("lull ends", lambda: run.status is not None, dies=True)
    run.in_time(begun, 0.9, "the end")
    client.close()
    listener.close()
    expect_status(run, 137)
    # Each loss needs a warning.
    is_late = re.search(PRE_STOP_LATE, run.err) and not re.search(PRE_STOP_LOST, run.err)
    for name, there, warning in (
        ("drain file", drain_file.exists(), "cannot create drain file"),
        ("report", report.exists() and "exit 137" in report.read_text(), "cannot open report file|report not written"),
        ("late pre-stop" if is_late else "pre-stop", "pre-stop ran" in run.err, f"{PRE_STOP_LOST}|{PRE_STOP_LATE}"),
        ("line", all(re.search(line, run.err) for line in STOP_LINES), ""),
    ):
        if not there:
            run.lose(name if re.search(warning, run.err) else f"{name}, without a warning")


@scenario("whole stop")
def _(run: Run) -> None:
    whole_stop(run)


@scenario("whole stop, PID 1")
def _(run: Run) -> None:
    whole_stop(run, pid1=True, stderr="socket")


@scenario("group, stopped app")
def _(run: Run) -> None:
    """The process group gets a signal, is stopped, gets the stop signal, is continued, and exits."""
    words = ["--group", "--rewrite", "USR1:HUP", "-t", "3s", "--log-format", "json"]
    run.start(words, [PROBE, "fork", "join", "exit=15:0"])
    run.app_ready(2)
    run.kill(USR1)
    both = run.wait_or_lose("the group's signal", lambda: run.got(HUP) == 2 or "cannot send" in run.err)
    run.expect(both or run.got(HUP), "never came: any HUP")
    if both and run.got(HUP) != 2:
        run.lose("signal")
    run.stop_group(int(re.search(r"^ready (\d+)", run.out, re.M)[1]))
    begun = now()
    run.kill(TERM)
    run.wait("lull ends", lambda: run.status is not None, dies=True)
    run.in_time(begun, 0, "the end")
    expect_status(run, 0, 137)
    if run.status == 137:
        run.lose("signal" if "cannot send" in run.err else "continuation")
    run.expect(run.got(HUP) <= 2 and run.got(TERM) <= 2, "a signal came twice")


# --- Remaining processes ---


def orphan_remains(run: Run, **where) -> None:
    """An orphan that ignores SIGTERM."""
    run.start(["-l", "200ms", "-t", "3s"], [PROBE, "times", "orphan", "exit=1:3"], **where)
    run.app_ready(2)
    begun = now()
    if not run.forward(HUP):
        return stop_app(run, 137)
    run.wait("the orphan gets SIGTERM", lambda: run.got(TERM) or run.status is not None, dies=True)
    if run.got(TERM):
        run.sent.append(TERM)
    else:
        run.lose("orphan's signal")
    expect_status(run, 3)
    run.in_time(begun, 0.2, "SIGKILL")


@scenario("remaining processes")
def _(run: Run) -> None:
    orphan_remains(run)


@scenario("remaining processes, PID 1")
def _(run: Run) -> None:
    orphan_remains(run, pid1=True)


@scenario("kills a tree")
def _(run: Run) -> None:
    """lull is not PID 1, and the app and its descendants ignore signals."""
    run.start(["-t", "200ms", "-v"], [PROBE, "times", "tower=3"])
    run.app_ready()
    run.wait("the tower stands", lambda: "tower" in run.out)
    begun = now()
    run.forward(TERM)
    expect_status(run, 137)
    run.in_time(begun, 0.2, "SIGKILL")


# --- Terminals ---


@scenario("terminal, PID 1")
def _(run: Run) -> None:
    run.start(["-t", "3s"], [PROBE, "die=20", "exit=15:7"], pid1=True, terminal=True)
    run.app_ready()
    run.type(b"\x1a")
    if not run.wait_or_lose("continuation", lambda: run.got(CONT)):
        run.kill(TERM)
        return expect_status(run, 7, 137)
    run.type(b"\x03")
    run.wait("the app gets Ctrl-C", lambda: run.got(INT) or run.status is not None)
    stop_app(run, 7)


@scenario("terminal, prompt")
def _(run: Run) -> None:
    run.start(["-t", "3s"], [PROBE, "exit=15:7"], terminal=True)
    run.app_ready()
    run.type(b"\x03")
    run.wait("the app gets Ctrl-C", lambda: run.got(INT) or run.status is not None)
    run.sent.append(INT)
    stop_app(run, 7)


# --- --ready ---


def ask(run: Run, drains: bool, words: list[str], command: list[str]) -> None:
    listener = socket.create_server(("127.0.0.1", APP_PORT))
    side = subprocess.Popen(
        [LULL, "--delay", "1h", "-t", "never", PROBE],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
    )
    run.sides.append(side)
    side.stdout.readline()
    if drains:
        side.send_signal(signal.SIGTERM)
        side.stderr.readline()
    run.start(["--ready", *words], command)
    run.wait("lull ends", lambda: run.status is not None, dies=True)
    listener.close()
    # The app of `side` is in this namespace, so clear() would find it.
    for child in open(f"/proc/{side.pid}/task/{side.pid}/children").read().split():
        os.kill(int(child), signal.SIGKILL)
    side.wait()
    side.stdout.close()
    side.stderr.close()
    run.leave()
    has_error_line = re.search("^lull: (?!warning)", run.err, re.M) is not None
    shown = f"status {run.status}{'' if has_error_line else ', without an error line'}"
    if drains:
        run.expect(run.status in (1, 2) and has_error_line, f"{shown}, while lull drains")
    elif run.status != 0:
        run.expect(run.status in (1, 2, *[125, 126] * len(command)) and has_error_line, shown)
        run.lose("answer")


@scenario("--ready")
def _(run: Run) -> None:
    ask(run, False, ["--listens", str(APP_PORT)], [])


@scenario("--ready while it drains")
def _(run: Run) -> None:
    ask(run, True, [], [])


@scenario("--ready and a command")
def _(run: Run) -> None:
    ask(run, False, [], [LAUNCH])


# --- Compatibility modes ---


def other_name(run: Run, name: str, words: list[str], app: list[str], status: int, **where) -> None:
    run.start(words, [PROBE, "state", *app], name=name, **where)
    run.app_ready()
    expect_inherited_state(run)
    run.forward(USR1)
    if run.forward(TERM):
        return expect_status(run, status)
    run.forward(TERM)
    expect_status(run, status)


@scenario("tini, PID 1", failed=1, not_run=(1, 126, 127))
def _(run: Run) -> None:
    other_name(run, "tini", ["-v"], ["exit=15:7"], 7, pid1=True)


@scenario("catatonit, PID 1", failed=1, not_run=(1,))
def _(run: Run) -> None:
    other_name(run, "catatonit", ["-g"], ["exit=15:7"], 7, pid1=True)


@scenario("dumb-init", failed=1, not_run=(2,))
def _(run: Run) -> None:
    other_name(run, "dumb-init", [], ["exit=15:7"], 7)


@scenario("dumb-init, terminal, PID 1", failed=1, not_run=(2,))
def _(run: Run) -> None:
    other_name(run, "dumb-init", [], ["exit=15:7"], 7, pid1=True, terminal=True)


def pause(run: Run, **where) -> None:
    def sleeps() -> bool:
        try:
            with open(f"/proc/{run.pid}/status") as status:
                return os.readlink(f"/proc/{run.pid}/exe") == str(LULL) and "\nState:\tS" in status.read()
        except OSError:
            return False

    run.start(["--pause"], [], **where)
    run.wait("it waits", sleeps)
    run.kill(TERM)
    expect_status(run, 0)


@scenario("--pause")
def _(run: Run) -> None:
    pause(run)


@scenario("--pause, PID 1")
def _(run: Run) -> None:
    pause(run, pid1=True, zombie=True)


# --- --explain ---


@scenario("--explain")
def _(run: Run) -> None:
    run.start(["--grace", "30s", "--explain"], [])
    run.leave()
    if run.status == 0:
        run.expect("SIGKILL to all remaining processes" in run.out, "no plan")
    else:
        run.expect(run.status == 125, f"status {run.status}")
        if "lull: " not in run.err:
            run.lose("output")


# --- A call that takes long ---


def expect_on_time(run: Run, what: str, took_s: float, planned_s: float) -> None:
    """Checks the time. A call that may block, by delays.py, may delay it."""
    late_s = DELAY_S if run.job.get("may_block") else 0
    run.expect(took_s >= planned_s - 0.01, f"{what} at {took_s:.2f} s, planned: {planned_s} s")
    run.expect(took_s <= planned_s + late_s + SLACK_S, f"{what} at {took_s:.2f} s, planned: {planned_s} s")


def expect_killed(run: Run, begun: float, term_s: float, kill_s: float) -> None:
    """Checks the times of SIGTERM and SIGKILL, with at least a second between them."""
    run.wait("SIGTERM", lambda: run.got(TERM))
    term_at = run.got_at(TERM) - begun
    run.wait("SIGKILL", lambda: "out" not in run.fds, dies=True)
    kill_at = now() - begun
    expect_on_time(run, "SIGTERM", term_at, term_s)
    expect_on_time(run, "SIGKILL", kill_at, kill_s)
    run.expect(kill_at - term_at >= 0.95, f"SIGKILL {kill_at - term_at:.2f} s after SIGTERM")
    run.leave()


def timed_stop(run: Run, words: list[str], term_s: float, **where) -> None:
    for file in ("draining", "report"):
        (run.directory / file).unlink(missing_ok=True)
    words = [*words, "--timeout", "2s", "--drain-file", str(run.directory / "draining")]
    words += ["--report", str(run.directory / "report"), "--ready-on", f"127.0.0.1:{READY_PORT}"]
    run.start(words, [PROBE, "times"], **where)
    run.app_ready()
    begun = now()
    run.kill(TERM)
    expect_killed(run, begun, term_s, term_s + 2)


@scenario("a stop", DELAYED)
def _(run: Run) -> None:
    timed_stop(run, ["--pre-stop", LAUNCH, "--delay", "300ms"], 0.3)


@scenario("a stop, PID 1, a log file", DELAYED)
def _(run: Run) -> None:
    timed_stop(run, ["-v"], 0, pid1=True, stderr="file")


@scenario("an orphan", DELAYED)
def _(run: Run) -> None:
    run.start(["--linger", "2s"], [PROBE, "times", "orphan", "exit=1:3"])
    run.app_ready(2)
    begun = now()
    run.kill(HUP)
    expect_killed(run, begun, 0, 2)
