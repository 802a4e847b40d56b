"""Debian's containerd with a root and a configuration of its own, and its Container Runtime Interface over gRPC.

It runs in the namespaces of tests/drain/containers.py, so the addresses and all paths below /run are free. The pods get
their addresses from Debian's CNI plugins, on a bridge. Images are built here and imported: no registry is used.
"""

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")  # other programs are started while calls are under way
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

import grpc  # noqa: E402
from google.protobuf import message_factory  # noqa: E402

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "orchestrators"), str(HERE.parent / "drain")]

from common import LULL, archive_of  # noqa: E402

from containers import STATE, Failed, run, tail, wait_until  # noqa: E402  # isort: skip

APP_IMAGE = "docker.io/example/app:1"
PAUSE_IMAGE = "docker.io/example/lull-pause:1"
PYTHON = Path("/usr/bin/python3")
TINI = Path("/usr/bin/tini-static")
SOCKET = STATE / "containerd.sock"
LOG = STATE / "containerd.log"
CALL_S = 60.0  # the time that a call may take, in addition to the one that it asks for

CONFIG = f"""\
version = 2
root = "{STATE}/containerd"
state = "{STATE}/containerd-state"
[grpc]
  address = "{SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{STATE}/cni"
"""

NETWORK = {
    "cniVersion": "0.4.0",
    "name": "pods",
    "plugins": [
        {
            "type": "bridge",
            "bridge": "pods",
            "isGateway": True,
            "ipam": {
                "type": "host-local",
                "subnet": "10.78.0.0/16",
                "dataDir": f"{STATE}/cni-addresses",
            },
        }
    ],
}


class Runtime:
    """call("StopContainer", container_id=..., timeout=30) sends a request of cri.proto and returns the answer."""

    def __init__(self) -> None:
        run("protoc", f"--proto_path={HERE}", f"--python_out={STATE}", "cri.proto")
        sys.path.append(str(STATE))
        import cri_pb2

        self.methods = cri_pb2.DESCRIPTOR.services_by_name["RuntimeService"].methods_by_name
        self.messages = message_factory.MessageFactory()
        self.channel = grpc.insecure_channel(f"unix://{SOCKET}")

    def call(self, name: str, wait_s: float = 0.0, **fields: Any) -> Any:
        """A call that has no answer after wait_s and some time raises grpc.RpcError, as does one that fails."""
        method = self.methods[name]
        request = self.messages.GetPrototype(method.input_type)(**fields)
        answer = self.messages.GetPrototype(method.output_type)
        path = f"/{method.containing_service.full_name}/{name}"
        function = self.channel.unary_unary(path, type(request).SerializeToString, answer.FromString)
        return function(request, timeout=wait_s + CALL_S)

    def is_ready(self) -> bool:
        """containerd answers, and has its network."""
        try:
            conditions = self.call("Status").status.conditions
        except grpc.RpcError:
            return False
        return bool(conditions) and all(condition.status for condition in conditions)


@contextlib.contextmanager
def containerd() -> Iterator[Runtime]:
    """A containerd that has the images."""
    config, network = STATE / "containerd.toml", STATE / "cni/pods.conflist"
    network.parent.mkdir()
    network.write_text(json.dumps(NETWORK))
    config.write_text(CONFIG)
    with LOG.open("wb") as out:
        daemon = subprocess.Popen(["containerd", "--config", str(config)], stdout=out, stderr=out)

    def is_ready() -> bool:
        if daemon.poll() is not None:
            raise Failed(f"containerd ended with status {daemon.returncode}:\n{tail(LOG)}")
        return runtime.is_ready()

    try:
        runtime = Runtime()
        wait_until("containerd is ready", is_ready)
        import_images()
        yield runtime
    finally:
        daemon.terminate()
        daemon.wait()


# --- Images -------------------------------------------------------------------------------------------------------


def import_images() -> None:
    library = Path("/usr/lib") / PYTHON.resolve().name
    waitress = Path("/usr/lib/python3/dist-packages/waitress")
    files = {"lull": LULL, "tini": TINI, "app.py": HERE / "app.py"}
    app = archive_of([PYTHON, library, waitress, Path("/usr/bin/sleep")], files)
    import_image(APP_IMAGE, app, {"Entrypoint": ["/lull", "--"], "Cmd": [str(PYTHON), "/app.py"]})
    import_image(PAUSE_IMAGE, archive_of([], {"lull": LULL}), {"Entrypoint": ["/lull", "--pause"]})


def import_image(name: str, layer: bytes, config: dict[str, Any]) -> None:
    """As `docker save` writes an image of one layer."""
    digest = hashlib.sha256(layer).hexdigest()
    settings = {
        "architecture": run("dpkg", "--print-architecture"),
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    parts = {
        "config.json": json.dumps(settings).encode(),
        "layer.tar": layer,
        "manifest.json": json.dumps(manifest).encode(),
    }
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for part, content in parts.items():
            member = tarfile.TarInfo(part)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    run("ctr", "--address", SOCKET, "--namespace", "k8s.io", "images", "import", "-", input=archive.getvalue())
