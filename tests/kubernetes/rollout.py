"""What else of Kubernetes a rolling update needs: a Deployment's controller, and an ingress controller with HAProxy."""

import json
import math
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cri import HERE, STATE, Runtime
from kubelet import Pod, must_have_only

from balancer import Balancer, Check  # isort: skip
from client import Counts  # isort: skip
from containers import PATIENCE_S, wait_until  # isort: skip

LAG_S = 2.0  # from a change of a pod's readiness or its deletion to the change of HAProxy's servers
SLOTS = 16
FIELDS = {"replicas", "strategy.rollingUpdate.maxSurge", "strategy.rollingUpdate.maxUnavailable"}

CONFIG = """\
global
	nbthread 1
	stats socket {directory}/haproxy.sock mode 600 level admin

defaults
	mode http
	timeout connect 1s
	timeout client 60s
	timeout server 60s
	retries 3
	option redispatch 1

listen requests
	bind 127.0.0.1:{port}
	balance roundrobin
	server-template s 1-{slots} 0.0.0.0:{server_port} disabled
"""


class Ingress(Balancer):
    """HAProxy whose servers are the endpoints of one Service, without health checks.

    The endpoints are those of KEP-1669: ready pods that are not being deleted; if there are none, those being deleted
    that still pass their readiness probe.
    """

    def __init__(self, number: int, port: int) -> None:
        self.directory = STATE / f"ingress-{number}"
        self.directory.mkdir()
        super().__init__(self.directory, number, [], port, Check())
        self.server_port = port
        self.config = CONFIG.format(directory=self.directory, port=self.port, slots=SLOTS, server_port=port)
        self.pods: list[Pod] = []  # of the Service, also those that have ended
        self.free = [f"s{n}" for n in range(1, SLOTS + 1)]
        self.servers: dict[str, str] = {}  # slots by address
        self.updates: queue.Queue[tuple[float, list[str]] | None] = queue.Queue()
        self.lock = threading.Lock()
        self.follower = threading.Thread(target=self.follow, daemon=True)

    def start(self) -> None:
        super().start()
        self.follower.start()

    def stop(self) -> None:
        if self.follower.is_alive():
            self.updates.put(None)
            self.follower.join()
        super().stop()

    def update(self) -> None:
        """Called when a pod has changed."""
        with self.lock:
            self.updates.put((time.monotonic() + LAG_S, self.endpoints()))

    def endpoints(self) -> list[str]:
        ready = [pod for pod in self.pods if pod.is_ready]
        return [pod.address for pod in ready if not pod.is_deleted] or [pod.address for pod in ready]

    def follow(self) -> None:
        while update := self.updates.get():
            due, wanted = update
            time.sleep(max(0.0, due - time.monotonic()))
            for address in set(wanted) - self.servers.keys():
                slot = self.free.pop(0)  # the one that has been free for longest
                self.command(f"set server requests/{slot} addr {address} port {self.server_port}")
                self.set_state(slot, "ready")
                self.servers[address] = slot
            for address in self.servers.keys() - set(wanted):
                slot = self.servers.pop(address)
                self.set_state(slot, "maint")  # requests in progress go on
                self.free.append(slot)

    def wait_for(self, pods: Sequence[Pod]) -> None:
        for pod in pods:
            pod.wait_for_readiness()
        wanted = {pod.address for pod in pods}
        wait_until(f"HAProxy has the servers {wanted}", lambda: self.servers.keys() == wanted)


class Load:
    """with Load(port, "0.3*16", "7*4") as load: ... then load.counts, see traffic.py."""

    def __init__(self, port: int, *kinds: str) -> None:
        self.command = [sys.executable, str(HERE / "traffic.py"), str(port), *kinds]

    def __enter__(self) -> "Load":
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE)
        return self

    def __exit__(self, *_) -> None:
        self.process.send_signal(signal.SIGTERM)
        output, _ = self.process.communicate(timeout=PATIENCE_S)
        self.counts = Counts(**json.loads(output))


class Deployment:
    """The pods of one Deployment. Its rolling update is that of Kubernetes, without a history of several updates."""

    def __init__(self, runtime: Runtime, name: str, manifest: dict[str, Any], changed: Callable[[], None]) -> None:
        spec = manifest["spec"]
        must_have_only(FIELDS, {name: value for name, value in spec.items() if name not in ("selector", "template")})
        self.runtime, self.name, self.changed = runtime, name, changed
        self.replicas, self.template = spec.get("replicas", 1), spec["template"]
        limits = spec.get("strategy", {}).get("rollingUpdate", {})
        self.surge = self.number(limits.get("maxSurge", "25%"), math.ceil)
        self.unavailable = self.number(limits.get("maxUnavailable", "25%"), math.floor)
        self.pods: list[Pod] = []  # those that are not being deleted
        self.created: list[Pod] = []

    def number(self, limit: int | str, rounded: Callable[[float], int]) -> int:
        """Kubernetes rounds maxSurge up and maxUnavailable down."""
        return rounded(self.replicas * int(limit.rstrip("%")) / 100) if isinstance(limit, str) else limit

    def create_pods(self, count: int) -> list[Pod]:
        pods = [Pod(self.runtime, f"{self.name}-{n}", self.template, self.changed) for n in range(count)]
        self.pods += pods
        self.created += pods
        with ThreadPoolExecutor() as pool:
            list(pool.map(Pod.create, pods))
        return pods

    def roll(self) -> list[Pod]:
        """Replaces all pods by new ones; returns the old ones, which may still be stopping."""
        old, new = list(self.pods), []

        def is_done() -> bool:
            new.extend(self.create_pods(min(self.replicas - len(new), self.replicas + self.surge - len(self.pods))))
            available = [pod for pod in self.pods if pod.is_ready]
            excess = len(available) - (self.replicas - self.unavailable)
            for pod in [pod for pod in old if pod in self.pods][: max(0, excess)]:
                self.delete(pod)
            return len(new) == self.replicas and self.pods == new and all(pod.is_ready for pod in new)

        wait_until(f"{self.name}: the update is complete", is_done, timeout=self.replicas * PATIENCE_S)
        return old

    def delete(self, *pods: Pod) -> None:
        for pod in pods:
            self.pods.remove(pod)
            pod.delete()
