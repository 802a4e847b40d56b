"""The setups that are compared: docs/examples/kubernetes.yaml as it is, and with changes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from cri import PYTHON

from common import EXAMPLES, must  # isort: skip

HOOK_S = 12  # longer than LAG_S and the longest request
APP = [str(PYTHON), "/app.py"]

Manifest = dict[str, Any]
Template = dict[str, Any]  # of a pod
Change = Callable[[Template], None]


def manifests() -> tuple[Manifest, Manifest]:
    """The Service and the Deployment."""
    service, deployment = yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text())
    must((service["kind"], deployment["kind"]) == ("Service", "Deployment"), "another kind of manifest")
    must(service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"], "labels differ")
    return service, deployment


def target_port(service: Manifest, template: Template) -> int:
    (name,) = [port["targetPort"] for port in service["spec"]["ports"]]
    (port,) = [port["containerPort"] for port in container_of(template)["ports"] if port["name"] == name]
    return port


def container_of(template: Template) -> dict[str, Any]:
    (container,) = template["spec"]["containers"]
    return container


def env_of(template: Template) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container_of(template)["env"]}


def set_env(template: Template, **env: str | None) -> None:
    """Sets variables; None removes one."""
    values = env_of(template) | env
    container_of(template)["env"] = [
        {"name": name, "value": value} for name, value in values.items() if value is not None
    ]


def set_hook(template: Template, seconds: int) -> None:
    container_of(template)["lifecycle"] = {"preStop": {"exec": {"command": ["/usr/bin/sleep", str(seconds)]}}}


def set_init(template: Template, *init: str) -> None:
    """Another init in place of lull, and the probe that an app has without lull."""
    container = container_of(template)
    container["command"] = [*init, *APP]
    container["env"] = []
    probe = container["readinessProbe"]
    del probe["exec"]
    probe["httpGet"] = {"path": "/", "port": "http"}


# --- Rolling updates ----------------------------------------------------------------------------------------------


def unchanged(template: Template) -> None:
    pass


def no_init(template: Template) -> None:
    set_init(template)


def tini(template: Template) -> None:
    set_init(template, "/tini", "--")


def tini_and_hook(template: Template) -> None:
    tini(template)
    set_hook(template, HOOK_S)


def lull_delay_only(template: Template) -> None:
    set_env(template, LULL_DELAY=f"{HOOK_S}s", LULL_DRAIN_TIMEOUT=None)


def lull_and_hook(template: Template) -> None:
    """The hook takes the place of the delay. LULL_GRACE is what it leaves of the grace period, and 1 s less."""
    hook_s = int(env_of(template)["LULL_DELAY"].removesuffix("s"))
    grace_s = template["spec"]["terminationGracePeriodSeconds"]
    set_hook(template, hook_s)
    set_env(template, LULL_GRACE=f"{grace_s - hook_s - 1}s", LULL_DELAY=None)


@dataclass(frozen=True)
class Setup:
    name: str
    change: Change
    loses: bool = False


LULL = Setup("lull, kubernetes.yaml as it is", unchanged)
LULL_DELAY = Setup(f"lull, delay {HOOK_S} s, no drain timeout", lull_delay_only)
ROLLOUTS = [
    Setup("no init", no_init, loses=True),
    Setup("tini", tini, loses=True),
    Setup(f"tini, preStop hook `sleep {HOOK_S}`", tini_and_hook),
    LULL_DELAY,
    Setup("lull, preStop hook `sleep 5`, drain timeout", lull_and_hook),
    LULL,
]


# --- The only pod of a node ---------------------------------------------------------------------------------------


def only_pod(template: Template) -> None:
    """The delay is longer than the time until the load balancer sends to another node. The probe fails early."""
    container_of(template)["readinessProbe"] |= {"periodSeconds": 1, "timeoutSeconds": 5, "failureThreshold": 1}
    set_env(template, LULL_DELAY="10s", LULL_DRAIN_TIMEOUT="15s")


def ready_for(template: Template) -> None:
    only_pod(template)
    set_env(template, LULL_READY_FOR="10s")


LOCAL = [
    Setup("lull, only pod of a node", only_pod, loses=True),
    Setup("lull, only pod of a node, `LULL_READY_FOR` 10 s", ready_for),
]
