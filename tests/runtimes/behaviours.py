"""Tests for Docker and for podman. Each is a function of the Way, for Behaviours.ask()."""

import os
import re
import signal
import subprocess
from collections.abc import Sequence

from inits import (
    PTY,
    QUITS,
    WRAPPED,
    Way,
    env,
    must,
    must_end,
    must_have_got,
    must_reap,
    must_take,
    now_ms,
    orphan_of,
    state_of,
    wait_until,
)

DELAYED = "lull: stopping: {signal} from outside the container; SIGTERM to the app in {delay}, {kill}$"
SIGNALS = {"HUP": 1, "SIGINT": 2, "QUIT": 3, "10": 10, "USR2": 12, "WINCH": 28}
SIGNALS |= {"RTMIN": 34, "SIGRTMIN+3": 37, "RTMAX": 64}


# --- A container ----------------------------------------------------------------------------------------------------


def is_first(way: Way) -> None:
    with way.probe("state", "exit=15:7") as container:
        exe = os.readlink(f"/proc/{container.pid()}/exe")
        must(exe == way.path, f"its first process is {exe}, not {way.path}")
        out, err = container.output()
        must(" parent 1 " in out and "fds 0 1 2\n" in out, out)
        must(not err, f"on stderr: {err}")


def keeps_status(way: Way) -> None:
    for script, status in ("exit 42", 42), ("kill -9 $$", 137), ("kill $$", 143):
        with way.start("/bin/sh", "-c", script) as container:
            must_end(container, status)


def reaps(way: Way) -> None:
    with way.probe("orphan") as container:
        must_reap(container)


def control_does_not_reap(way: Way) -> None:
    with Way("no init", way.engine).probe("orphan") as container:
        orphan = orphan_of(container)
        os.kill(orphan, signal.SIGKILL)
        wait_until("the orphan is a zombie", lambda: state_of(orphan) == "Z")


# --- Stopping -------------------------------------------------------------------------------------------------------


def stops(way: Way) -> None:
    with way.probe("exit=15:7") as container:
        container.stop(60)
        must_end(container, 7)
        must_have_got(container, 15)


def delays(way: Way) -> str | None:
    """The real init ignores LULL_DELAY: its app exits long before the delay is over."""
    delay_s = 60 if way.real else 2
    with way.probe("times", "exit=15:0", options=env(LULL_DELAY=f"{delay_s}s")) as container:
        begun = now_ms()
        container.stop(60)
        came_after = int(container.wait_for(r"got 15 .* at (\d+)$")[1]) - begun
        must_end(container, 0)
        if way.real:
            must(came_after < 60000, "it waited")
            return "no: immediately"
        must_take(came_after, 2000)
        kill = "SIGKILL in 92 s" if way.image == WRAPPED else "no SIGKILL"
        container.wait_for(DELAYED.format(signal="SIGTERM", delay="2 s", kill=kill))
        container.wait_for(r"lull: stopped in [0-9.]+ s: app exited with status 0, no process killed$")
    return None


def is_cut(way: Way) -> str:
    """The delay is longer than the runtime's grace period."""
    with way.probe("exit=15:0", options=env(LULL_DELAY="60s")) as container:
        took = container.stop(60 if way.real else 2)
        if way.real:
            must_end(container, 0)
            return "no delay"
        must_take(took, 2000)
        must_end(container, 137)
        must_have_got(container)
        container.wait_for("lull: stopping: SIGTERM from outside the container; SIGTERM to the app in 60 s, ")
        must("stopped in" not in container.logs(), "lull has logged its exit")
    return "the runtime's SIGKILL, 137: the log has only the start of the shutdown"


def keeps_grace(way: Way) -> str:
    """The app ignores SIGTERM; the runtime and lull have the same grace period."""
    with way.probe(options=[*env(LULL_GRACE="5s", LULL_DELAY="1s"), "--stop-timeout", "5"]) as container:
        took = container.stop()
        must_end(container, 137)
        must_have_got(container, 15)
        if way.real:
            must_take(took, 5000)
            return "the runtime's SIGKILL at 5 s, no message"
        must_take(took, 4000)
        container.wait_for(DELAYED.format(signal="SIGTERM", delay="1 s", kill="SIGKILL in 4 s"))
        container.wait_for(r"lull: warning: no exit [0-9.]+ s after SIGTERM, sending SIGKILL to: \d+ probe ")
        container.wait_for("lull: stopped in .*: app killed by SIGKILL, 1 process killed$")
    return "lull's SIGKILL at 4 s, and the killed processes in the log"


def reaches_remaining(way: Way) -> str | None:
    """busybox's shell exits on SIGTERM, and its child process continues."""
    script = "/probe late=15:300 & wait"
    with way.start("/bin/sh", "-c", script, options=env(LULL_LINGER="10s")) as container:
        container.wait_for("ready ")
        container.stop(60)
        must_end(container, 143)
        if way.real:
            must("saved" not in container.logs(), "the child process has saved")
            return "no: killed immediately"
        container.wait_for("saved")
    return None


# --- Signals --------------------------------------------------------------------------------------------------------


def forwards_signals(way: Way) -> None:
    with way.probe("exit=15:0") as container:
        for count, (name, _) in enumerate(SIGNALS.items(), 1):
            container.kill(name)
            wait_until(f"{name} has come", lambda count=count: len(container.got()) == count)
        must_have_got(container, *SIGNALS.values())
        container.kill("TERM")
        must_end(container, 0)


def kills(way: Way) -> None:
    with way.probe() as container:
        container.kill("KILL")
        must_end(container, 137)


def forwards_signals_of_the_client(way: Way) -> None:
    """`run` in the foreground forwards its signals."""
    command = way.engine.words("run", "--rm", *way.words("/probe", "exit=1:9"))
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as client:
        must((client.stdout.readline() or "").startswith("ready"), "it is not ready")
        client.send_signal(1)
        must(client.wait(60) == 9, f"the status is {client.returncode}, not 9")


def uses_stop_signal_option(way: Way) -> str | None:
    """--stop-signal of the command line."""
    return stops_with(way, 10, "USR1", options=["--stop-signal", "SIGUSR1"])


def uses_stop_signal_of_image(way: Way) -> str | None:
    """STOPSIGNAL of the image, as nginx has it."""
    return stops_with(way, 3, "QUIT", image=QUITS[way.image])


def stops_with(way: Way, signo: int, name: str, **more) -> str | None:
    options = [*more.pop("options", []), *env(LULL_DELAY="1s")]
    with way.probe(f"exit={signo}:5", options=options, **more) as container:
        container.stop(60)
        must_end(container, 5)
        must_have_got(container, signo)
        if not way.real:
            container.wait_for(f"lull: warning: SIG{name} .*--stop-signal")
    options += env(LULL_STOP_SIGNAL=f"TERM,{name}")
    with way.probe("times", f"exit={signo}:5", options=options, **more) as container:
        begun = now_ms()
        container.stop(60)
        must_end(container, 5)
        if not way.real:
            must_take(int(container.wait_for(rf"got {signo} .* at (\d+)$")[1]) - begun, 1000)
    return None if way.real else "yes; with LULL_STOP_SIGNAL it starts the delay"


# --- A terminal -----------------------------------------------------------------------------------------------------


def types(way: Way, *steps: str, words: list[str], options: Sequence[str] = ()) -> tuple[int, str]:
    """A user at `run -it`. Returns the status, and the whole output."""
    command = way.engine.words("run", "--rm", "-it", *way.words(*words, options=options))
    done = subprocess.run(
        [PTY, *steps, "--", *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False
    )
    return done.returncode, done.stdout.replace("\r", "") + done.stderr


def must_have_typed(done: tuple[int, str], status: int) -> None:
    must(done[0] == status, f"the status is {done[0]}, not {status}: {done[1]}")


def gets_keys_and_size(way: Way) -> None:
    steps = ["expect:ready [0-9]", r"type:\x03", "expect:got 2 ", r"type:\x1c", "expect:got 3 "]
    steps += ["size:33x44", "expect:got 28 "]
    must_have_typed(types(way, *steps, r"type:\x1a", words=["/probe", "exit=20:8"]), 8)


def ends_by_key(way: Way) -> None:
    done = types(way, "expect:ready", r"type:\x03", words=["/probe", "state", "exit=2:6"])
    must_have_typed(done, 6)
    foreground = re.search(r"group (\d+) session 1 foreground (\d+)", done[1])
    must(foreground and foreground[1] == foreground[2], done[1])
    must(done[1].count("got 2 ") == 1, f"it came more than once: {done[1]}")


def runs_a_shell(way: Way) -> None:
    steps = ["expect:# ", r"type:/probe die=2\n", "expect:ready [0-9]", r"type:\x03", "expect:# "]
    done = types(way, *steps, r"type:echo it was $?\n", "expect:it was 130", r"type:exit 4\n", words=["/bin/sh"])
    must_have_typed(done, 4)
    must("can't access tty" not in done[1], done[1])
