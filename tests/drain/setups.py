"""What is restarted: the apps and inits of the table, each kind of readiness signal, the start, and the delays to plot."""

import contextlib
import subprocess
import threading
from collections.abc import Iterator

from balancer import FALL, INTER_MS, Balancer, Check
from containers import Container, make_image
from restart import APP_PORT, APPS, DELAY_S, STOP_S, Setup, server_of

READY_PORT = 9000
LONGEST_S = 0.4  # the slow requests of apps/
RULE_S = FALL * INTER_MS / 1000 + LONGEST_S  # what the delay must not be less than

TOLD = Check("/", READY_PORT)
SAID = f"{DELAY_S:g}s"


def lull(*options: str, delay: str = SAID) -> tuple[str, ...]:
    return ("/lull", "--delay", delay, "--grace", f"{STOP_S}s", *options, "--")


READY = ("--ready-on", str(READY_PORT), "--listens", str(APP_PORT))

# The columns: the words before the app's own, and where its health is asked for.
INITS: dict[str, tuple[tuple[str, ...], Check]] = {
    "none": ((), Check()),
    "tini": (("tini", "--"), Check()),
    "dumb-init": (("dumb-init", "--"), Check()),
    "catatonit": (("catatonit", "--"), Check()),
    "bash, trap and sleep": (("/apps/entrypoint.sh",), Check()),
    "lull, nobody told": (lull(), Check()),
    "lull": (lull(*READY), TOLD),
}
LULL = "lull"
PEERS = [init for init in INITS if init != LULL]


def table_name(app: str, init: str) -> str:
    return f"{app}, {init}"


def table() -> list[Setup]:
    """Those that take longest come first."""
    return [
        Setup(table_name(app, init), app, words, check)
        for init, (words, check) in INITS.items()
        for app in reversed(APPS)
    ]


# --- Ways of telling ----------------------------------------------------------------------------------------------

HEALTHCHECK_IMAGE = "with-healthcheck"
# Here the delay has to be more than the interval, the time that a probe takes, and the longest request: 1.5 s and some.
HEALTHCHECK = 'HEALTHCHECK --interval=1s --timeout=10s --retries=1 CMD ["/lull", "--ready"]'


def make_images() -> None:
    """Besides the usual one."""
    make_image(HEALTHCHECK_IMAGE, HEALTHCHECK)


@contextlib.contextmanager
def health_watcher(balancer: Balancer, containers: list[Container]) -> Iterator[None]:
    """Does for HAProxy what an orchestrator does: a container that Docker calls unhealthy gets no requests."""
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
    """Beside --ready-on as HAProxy's check, which is the table's own."""
    drain_file = lull("--drain-file", "/run/draining")
    return [
        Setup(
            "lull --ready as Docker's HEALTHCHECK, Express",
            "Express",
            lull(),
            env={"LULL_LISTENS": str(APP_PORT)},
            image=HEALTHCHECK_IMAGE,
            company=health_watcher,
        ),
        Setup("a drain file that nginx's configuration looks at", "nginx, large files", drain_file),
        Setup("a drain file that Flask's health page looks at", "Flask on waitress", drain_file),
        Setup(
            "--pre-stop that talks to HAProxy's runtime socket, Flask",
            "Flask on waitress",
            lull("--pre-stop", "/apps/leave.sh"),
            put_back=True,
        ),
    ]


# --- The start ----------------------------------------------------------------------------------------------------

START_S = 20.0  # the app listens after this time, which is longer than the restart of the others takes


def starts() -> list[Setup]:
    env = {"START_AFTER": f"{START_S:g}"}
    unaware = lull("--ready-on", str(READY_PORT))
    return [
        Setup("a slow start, without --listens", "Flask on waitress", unaware, TOLD, env),
        Setup("a slow start, with --listens", "Flask on waitress", lull(*READY), TOLD, env),
    ]


# --- The sweep ----------------------------------------------------------------------------------------------------

SWEEP_APP = "Express"
TOO_SHORT = [0.0, 0.5]  # in each run; long enough is the table's own
SWEEP = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0]


def sweep_name(delay: float, told: bool) -> str:
    return f"delay {delay:g} s, {'told' if told else 'nobody told'}"


def sweep_setup(delay: float, told: bool) -> Setup:
    init = lull(*(READY if told else ()), delay=f"{delay:g}s")
    return Setup(sweep_name(delay, told), SWEEP_APP, init, TOLD if told else Check())
