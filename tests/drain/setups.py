"""The restarts: the apps and inits of the table, each readiness signal, the start, and the delays to plot."""

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator

from balancer import FALL, INTER_MS, Balancer, Check
from containers import Container, make_image
from instances import Instance
from restart import APP_PORT, APPS, DELAY_S, LENGTHS_APPS, STOP_S, Setup, server_of

READY_PORT = 9000
LONGEST_S = 0.4  # the slow requests of apps/
RULE_S = FALL * INTER_MS / 1000 + LONGEST_S  # the shortest delay that can be enough

LULL_CHECK = Check("/", READY_PORT)
DELAY = f"{DELAY_S:g}s"


def lull(*options: str, delay: str = DELAY, stop_s: int = STOP_S) -> tuple[str, ...]:
    return ("/lull", "--delay", delay, "--grace", f"{stop_s}s", *options, "--")


READY = ("--ready-on", str(READY_PORT), "--listens", str(APP_PORT))

# The columns: the arguments before the app's command, and the health check.
INITS: dict[str, tuple[tuple[str, ...], Check]] = {
    "no init": ((), Check()),
    "tini": (("tini", "--"), Check()),
    "dumb-init": (("dumb-init", "--"), Check()),
    "catatonit": (("catatonit", "--"), Check()),
    "bash, trap and sleep": (("/apps/entrypoint.sh",), Check()),
    "lull, delay only": (lull(), Check()),
    "lull": (lull(*READY), LULL_CHECK),
}
LULL = "lull"
IN_DOCKER = bool(os.environ.get("FULL"))
PEERS = [init for init in INITS if init != LULL]


def table_name(app: str, init: str) -> str:
    return f"{app}, {init}"


def table() -> list[Setup]:
    """With FULL=1 in Docker. The longest come first."""
    return [
        Setup(table_name(app, init), app, words, check, docker=IN_DOCKER)
        for init, (words, check) in INITS.items()
        for app in reversed(APPS)
    ]


# --- Readiness signals --------------------------------------------------------------------------------------------

HEALTHCHECK_IMAGE = "with-healthcheck"
# The delay must be longer than the interval + the time of a probe + the longest request: about 1.5 s.
HEALTHCHECK = 'HEALTHCHECK --interval=1s --timeout=10s --retries=1 CMD ["/lull", "--ready"]'


def make_images() -> None:
    """Makes the image with the health check."""
    make_image(HEALTHCHECK_IMAGE, HEALTHCHECK)


@contextlib.contextmanager
def health_watcher(balancer: Balancer, containers: list[Container | Instance]) -> Iterator[None]:
    """Simulates an orchestrator: HAProxy sends no requests to a container that Docker reports as unhealthy."""
    servers = {container.name: server_of(container.name) for container in containers}
    form = "{{.Actor.Attributes.name}} {{.Action}}"
    command = ["docker", "events", "--filter", "event=health_status", "--format", form]
    events = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def follow() -> None:
        for line in events.stdout or ():
            name, _, action = line.strip().partition(" ")
            if name in servers:
                balancer.set_state(servers[name], "ready" if action == "health_status: healthy" else "drain")

    follower = threading.Thread(target=follow)
    follower.start()
    try:
        yield
    finally:
        events.terminate()
        follower.join()
        events.wait()


def ways() -> list[Setup]:
    """The readiness signals, except --ready-on, which is in the table."""
    drain_file = lull("--drain-file", "/run/draining")
    return [
        Setup(
            "lull --ready as Docker's HEALTHCHECK",
            "Express",
            lull(),
            env={"LULL_LISTENS": str(APP_PORT)},
            image=HEALTHCHECK_IMAGE,
            company=health_watcher,
            docker=True,
        ),
        Setup("--drain-file, checked by nginx's configuration", "nginx, large files", drain_file, docker=True),
        Setup("--drain-file, checked by the app's health page", "Flask on waitress", drain_file, docker=True),
        Setup(
            "--pre-stop, a command to HAProxy's runtime socket",
            "Flask on waitress",
            lull("--pre-stop", "/apps/leave.sh"),
            put_back=True,
            docker=True,
        ),
    ]


# --- The start ----------------------------------------------------------------------------------------------------

START_S = 20.0  # the app listens after this time, which is longer than the restart of the other instances


def starts() -> list[Setup]:
    env = {"START_AFTER": f"{START_S:g}"}
    without = lull("--ready-on", str(READY_PORT))
    return [
        Setup("slow start, without --listens", "Flask on waitress", without, LULL_CHECK, env, docker=True),
        Setup("slow start, with --listens", "Flask on waitress", lull(*READY), LULL_CHECK, env, docker=True),
    ]


# --- The sweep ----------------------------------------------------------------------------------------------------

SWEEP_APP = "Express"
TOO_SHORT = [0.0, 0.5]  # in each run; the delay of the table is long enough
SWEEP = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0]


def sweep_name(delay: float, readiness: bool) -> str:
    return f"delay {delay:g} s, {'with --ready-on' if readiness else 'no readiness signal'}"


def sweep_setup(delay: float, readiness: bool) -> Setup:
    init = lull(*(READY if readiness else ()), delay=f"{delay:g}s")
    return Setup(sweep_name(delay, readiness), SWEEP_APP, init, LULL_CHECK if readiness else Check(), docker=True)


# --- Requests of random lengths -----------------------------------------------------------------------------------

# The delays. HAProxy needs 1 s until it sends no more requests, and the longest request takes 10 s.
SHORT_S, LONG_S = 2, 12
DRAIN_TIMEOUT_S = 15
DOCKERS_STOP_S = 10  # the default of docker stop
LENGTHS_STOP_S = 30
DRAIN = f"lull, delay {SHORT_S} s and drain"
DELAYS = {delay: f"lull, delay {delay} s" for delay in (SHORT_S, LONG_S)}
LENGTHS_INITS: dict[str, tuple[str, ...]] = {
    "no init": (),
    "tini": ("tini", "--"),
    **{name: lull(*READY, delay=f"{delay}s", stop_s=LENGTHS_STOP_S) for delay, name in DELAYS.items()},
    DRAIN: lull("--drain-timeout", f"{DRAIN_TIMEOUT_S}s", *READY, delay=f"{SHORT_S}s", stop_s=LENGTHS_STOP_S),
}


def lengths_name(app: str, init: str) -> str:
    return f"lengths: {app}, {init}"


def lengths_setup(app: str, init: str, seed: int) -> Setup:
    words = LENGTHS_INITS[init]
    check, stop_s = (LULL_CHECK, LENGTHS_STOP_S) if "/lull" in words else (Check(), DOCKERS_STOP_S)
    return Setup(lengths_name(app, init), app, words, check, stop_s=stop_s, seed=seed)


def lengths(seed: int) -> list[Setup]:
    """With the same seed, the clients of an app send the same requests. The longest come first."""
    return [lengths_setup(app, init, seed) for init in reversed(LENGTHS_INITS) for app in LENGTHS_APPS]


# --- All of a run -------------------------------------------------------------------------------------------------


def others() -> list[Setup]:
    """All except the table."""
    return [*starts(), *ways(), *(sweep_setup(delay, readiness=True) for delay in TOO_SHORT)]


def everything() -> list[Setup]:
    """All except those with requests of random lengths. The longest come first."""
    return [*others(), *table()]
