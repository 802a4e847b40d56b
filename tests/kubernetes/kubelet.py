"""What a kubelet does with one pod: it creates it, runs its probes and its preStop hook, and stops it.

A field that is not implemented here is an error, so nothing in a file is read without an effect. What is left out:
restarts (a failed liveness probe fails the test instead), volumes, and everything that needs an API server.
"""

import http.client
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc

from cri import STATE, Runtime, wait_until

from containers import Failed  # isort: skip

FIELDS = {
    "terminationGracePeriodSeconds",
    *(f"containers.{name}" for name in ("name", "image", "command", "args", "terminationMessagePath")),
    *("containers.env.name", "containers.env.value", "containers.ports.name", "containers.ports.containerPort"),
    "containers.lifecycle.preStop.exec.command",
    *(
        f"containers.securityContext.{name}"
        for name in ("runAsNonRoot", "runAsUser", "readOnlyRootFilesystem", "allowPrivilegeEscalation")
    ),
    "containers.securityContext.capabilities.drop",
    *(
        f"containers.{probe}.{name}"
        for probe in ("readinessProbe", "livenessProbe")
        for name in (
            *("exec.command", "httpGet.path", "httpGet.port", "initialDelaySeconds", "periodSeconds"),
            *("timeoutSeconds", "successThreshold", "failureThreshold"),
        )
    ),
}
LEAST_GRACE_S = 2  # after a preStop hook: minimumGracePeriodInSeconds in kuberuntime_container.go
EXITED = 2  # CONTAINER_EXITED in api.proto

uids = itertools.count(1)


@dataclass(frozen=True)
class Ending:
    """How the container of a pod ended."""

    took_s: float  # from the deletion of the pod to the end of StopContainer
    status: int
    message: str  # what was in the file of terminationMessagePath
    log: str


class Probe:
    """The counts of one probe. Defaults as in Kubernetes."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.period_s = spec.get("periodSeconds", 10)
        self.timeout_s = spec.get("timeoutSeconds", 1)
        self.thresholds = {True: spec.get("successThreshold", 1), False: spec.get("failureThreshold", 3)}
        self.last: bool | None = None
        self.count = 0

    def passes(self, result: bool) -> bool | None:
        """The result, if enough equal ones came in a row; None: not yet."""
        self.count = self.count + 1 if result == self.last else 1
        self.last = result
        return result if self.count >= self.thresholds[result] else None


class Pod:
    def __init__(self, runtime: Runtime, name: str, template: dict[str, Any], changed: Callable[[], None]) -> None:
        """changed() is called when the pod becomes ready or not ready, and when it is deleted."""
        self.runtime, self.name, self.changed = runtime, name, changed
        self.spec = template["spec"]
        must_have_only(FIELDS, self.spec)
        (self.container,) = self.spec["containers"]
        self.uid = f"{name}-{next(uids)}"
        self.directory = STATE / "pods" / self.uid
        self.sandbox = {
            "metadata": {"name": name, "uid": self.uid, "namespace": "default"},
            "hostname": name,
            "log_directory": str(self.directory),
            "labels": template["metadata"]["labels"],
            "port_mappings": [{"container_port": port["containerPort"]} for port in self.container.get("ports", [])],
        }
        self.readiness, self.liveness = (
            Probe(self.container[name]) if name in self.container else None
            for name in ("readinessProbe", "livenessProbe")
        )
        self.is_ready = self.is_deleted = False
        self.is_sick = False  # a liveness probe has failed
        self.deleted = threading.Event()
        self.ended = threading.Event()
        self.ending: Ending | None = None
        self.failure: Exception | None = None
        self.sandbox_id = ""
        self.address = ""

    # --- Start

    def create(self) -> None:
        """Returns when the container has started and the probes run."""
        self.directory.mkdir(parents=True)
        self.message = self.directory / "message"
        self.message.touch()
        self.message.chmod(0o666)
        self.sandbox_id = self.runtime.call("RunPodSandbox", config=self.sandbox).pod_sandbox_id
        self.address = self.runtime.call("PodSandboxStatus", pod_sandbox_id=self.sandbox_id).status.network.ip
        created = self.runtime.call(
            "CreateContainer", pod_sandbox_id=self.sandbox_id, config=self.config(), sandbox_config=self.sandbox
        )
        self.id = created.container_id
        self.runtime.call("StartContainer", container_id=self.id)
        threading.Thread(target=self.probe_readiness, daemon=True).start()
        if self.liveness:
            threading.Thread(target=self.probe_liveness, args=(self.liveness,), daemon=True).start()

    def config(self) -> dict[str, Any]:
        container = self.container
        path = container.get("terminationMessagePath", "/dev/termination-log")
        return {
            "metadata": {"name": container["name"]},
            "image": {"image": container["image"]},
            "command": container.get("command", []),
            "args": container.get("args", []),
            "envs": [{"key": each["name"], "value": each["value"]} for each in container.get("env", [])],
            "mounts": [{"container_path": path, "host_path": str(self.message)}],
            "log_path": "log",
            "linux": {"security_context": self.security(container.get("securityContext", {}))},
        }

    def security(self, context: dict[str, Any]) -> dict[str, Any]:
        if context.get("runAsNonRoot") and not context.get("runAsUser"):
            raise Failed("runAsNonRoot, and no runAsUser")  # the image has no USER
        security = {
            "namespace_options": {"pid": 1},
            "readonly_rootfs": context.get("readOnlyRootFilesystem", False),
            "no_new_privs": not context.get("allowPrivilegeEscalation", True),
            "capabilities": {"drop_capabilities": context.get("capabilities", {}).get("drop", [])},
        }
        if "runAsUser" in context:
            security["run_as_user"] = {"value": context["runAsUser"]}
        return security

    # --- Probes

    def probe_readiness(self) -> None:
        """Also of a pod that is being deleted. Without a probe, a container that runs is ready."""
        if not self.readiness:
            self.set_ready(True)
            return
        due = time.monotonic() + self.readiness.spec.get("initialDelaySeconds", 0)
        while not self.ended.wait(max(0.0, due - time.monotonic())):
            if (passes := self.readiness.passes(self.is_healthy(self.readiness))) is not None:
                self.set_ready(passes)
            due += self.readiness.period_s
        self.set_ready(False)

    def probe_liveness(self, probe: Probe) -> None:
        """Until the pod is deleted: a kubelet checks no more then."""
        due = time.monotonic() + probe.spec.get("initialDelaySeconds", 0)
        while not self.deleted.wait(max(0.0, due - time.monotonic())):
            if probe.passes(self.is_healthy(probe)) is False:
                self.is_sick = True
            due += probe.period_s

    def is_healthy(self, probe: Probe) -> bool:
        if "exec" in probe.spec:
            return self.execute(probe.spec["exec"]["command"], probe.timeout_s) == 0
        get = probe.spec["httpGet"]
        connection = http.client.HTTPConnection(self.address, self.port_of(get["port"]), timeout=probe.timeout_s)
        try:
            connection.request("GET", get.get("path", "/"), headers={"Connection": "close"})
            return 200 <= connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def port_of(self, name: str | int) -> int:
        if isinstance(name, int):
            return name
        (port,) = [port["containerPort"] for port in self.container["ports"] if port.get("name") == name]
        return port

    def set_ready(self, ready: bool) -> None:
        if ready != self.is_ready:
            self.is_ready = ready
            self.changed()

    def execute(self, command: list[str], timeout_s: int) -> int:
        """The status of a command in the container; -1 if it was not run to its end."""
        try:
            done = self.runtime.call("ExecSync", timeout_s, container_id=self.id, cmd=command, timeout=timeout_s)
            return done.exit_code
        except grpc.RpcError:
            return -1

    def check(self) -> None:
        """Raises what went wrong."""
        if self.failure:
            raise self.failure
        if not self.is_deleted and self.runtime.call("ContainerStatus", container_id=self.id).status.state == EXITED:
            raise Failed(f"{self.uid} has exited:\n{self.log()}")

    # --- End

    def delete(self) -> None:
        """The endpoints have it and the kubelet stops it, both at the same time. Returns immediately."""
        self.is_deleted = True
        begun = time.monotonic()
        threading.Thread(target=self.stop, args=(begun,), daemon=True).start()
        self.changed()
        self.deleted.set()

    def stop(self, begun: float) -> None:
        try:
            self.ending = self.stop_container(begun)
            self.remove()
        except Exception as failure:
            self.failure = failure
        self.ended.set()

    def kill(self) -> None:
        """Without a grace period."""
        self.deleted.set()
        self.ended.set()
        if self.sandbox_id:
            self.remove()

    def remove(self) -> None:
        self.runtime.call("StopPodSandbox", pod_sandbox_id=self.sandbox_id)
        self.runtime.call("RemovePodSandbox", pod_sandbox_id=self.sandbox_id)

    def stop_container(self, begun: float) -> Ending:
        """The hook's time is part of the grace period, and StopContainer gets the rest."""
        grace_s = self.spec.get("terminationGracePeriodSeconds", 30)
        hook = self.container.get("lifecycle", {}).get("preStop")
        left_s = grace_s
        if hook:
            self.execute(hook["exec"]["command"], grace_s)
            left_s = max(LEAST_GRACE_S, grace_s - int(time.monotonic() - begun))
        self.runtime.call("StopContainer", left_s, container_id=self.id, timeout=left_s)
        took_s = time.monotonic() - begun
        status = self.runtime.call("ContainerStatus", container_id=self.id).status
        if status.state != EXITED:
            raise Failed(f"{self.uid}: it still runs after StopContainer")
        return Ending(took_s, status.exit_code, self.message.read_text(), self.log())

    def wait_for_end(self) -> Ending:
        wait_until(f"{self.uid} has ended", self.ended.is_set)
        self.check()
        assert self.ending
        return self.ending

    def wait_for_readiness(self, ready: bool = True) -> None:
        def is_so() -> bool:
            self.check()
            return self.is_ready == ready

        wait_until(f"{self.uid} is {'ready' if ready else 'not ready'}", is_so)

    def log(self) -> str:
        """Without the time, the stream and the tag before each line."""
        lines = (self.directory / "log").read_text(errors="replace").splitlines()
        return "\n".join(line.split(" ", 3)[-1] for line in lines)


def must_have_only(known: set[str], spec: Any) -> None:
    unknown = set(fields(spec)) - known
    if unknown:
        raise Failed(f"tests/kubernetes does not implement: {', '.join(sorted(unknown))}")


def fields(spec: Any, path: str = "") -> Iterator[str]:
    """The paths of all values, as in FIELDS."""
    if isinstance(spec, dict):
        for name, value in spec.items():
            yield from fields(value, f"{path}.{name}".lstrip("."))
    elif isinstance(spec, list):
        for value in spec:
            yield from fields(value, path)
    else:
        yield path
