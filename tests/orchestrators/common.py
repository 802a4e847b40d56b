"""Functions that the orchestrator tests share: TAP, and images that use no files of the host.

A stack file cannot mount the host's /usr, so these images contain a program, the libraries that ldd lists, and lull.
They have the names that docs/examples/ uses.
"""

import io
import os
import re
import subprocess
import sys
import tarfile
import traceback
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "drain"))

import containers  # noqa: E402
from containers import LULL, PATIENCE_S, ROOT, STATE, Failed, run  # noqa: E402

EXAMPLES = ROOT / "docs/examples"
APP_IMAGE = "example/app:1"

# The two lines of a stop. A test sets `how`: the app's exit.
BEGINS = "lull: stopping: SIGTERM from outside the container; SIGTERM to the app in {delay}, SIGKILL in {kill}"
ENDS = r"lull: stopped in [0-9.]+ m?s: app {how}, no process killed"

# Debian's podman with runc, without systemd, and without limits that root may lack.
PODMAN = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_config_dir = "/run/podman-networks"
"""
PODMAN_STORAGE = """
[storage]
driver = "overlay"
runroot = "/run/podman-run"
graphroot = "/run/podman-data"
"""


class Tap:
    """Prints TAP and counts failures. A check fails by an exception, whose text is printed."""

    LINES = 60  # of a long text, the last ones are printed

    def __init__(self) -> None:
        self.failed = 0

    def comment(self, text: str) -> None:
        for line in text.splitlines()[-self.LINES :]:
            print(f"# {line}", flush=True)

    def fail(self, name: str, failure: Exception) -> None:
        self.failed += 1
        print(f"not ok {name}", flush=True)
        self.comment(str(failure) if isinstance(failure, Failed) else traceback.format_exc())

    def check(self, name: str, body: Callable[[], None]) -> bool:
        try:
            body()
        except Exception as failure:
            self.fail(name, failure)
            return False
        print(f"ok {name}", flush=True)
        return True


def main(body: Callable[[Tap], None]) -> None:
    """Runs a test program. An exception outside of a check counts as a failure too."""
    tap = Tap()
    try:
        body(tap)
    except Exception as failure:
        tap.fail(f"{Path(sys.argv[0]).name}: exception outside a check", failure)
    sys.exit(1 if tap.failed else 0)


def isolate() -> None:
    """As in containers.py, with an empty /var/lib: Swarm and podman write there with any configuration."""
    containers.isolate()
    containers.mount_tmpfs(Path("/var/lib"))


def configure_podman() -> None:
    """Call it after isolate(). Configures podman for the tests; its images and containers are below /run."""
    for name, text in ("CONTAINERS_CONF", PODMAN), ("CONTAINERS_STORAGE_CONF", PODMAN_STORAGE):
        file = STATE / name.lower()
        file.write_text(text)
        os.environ[name] = str(file)


def must(is_true: object, what: str) -> None:
    if not is_true:
        raise Failed(what)


def must_match(pattern: str, text: str) -> None:
    """Checks that a whole line of the text matches."""
    must(re.search(f"^{pattern}$", text, re.MULTILINE), f"no line matches: {pattern}\n{text}")


def output_of(*command: str) -> str:
    """Returns stdout and stderr of the command. Its status is ignored."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE_S, check=False)
    return done.stdout.decode(errors="replace")


# --- Images -------------------------------------------------------------------------------------------------------


def libraries_of(program: Path) -> set[Path]:
    """Returns the libraries that a program loads, and its loader."""
    listing = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    return {Path(path) for path in re.findall(r"(/\S+) \(0x", listing)}


def archive_of(paths: Iterable[Path], files: Mapping[str, str | Path], directories: Iterable[str] = ()) -> bytes:
    """Returns a tar archive of programs with their libraries, files by their names in it, and empty directories."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        for directory in ("proc", "sys", "dev", "etc", "tmp", "run", *directories):
            member = tarfile.TarInfo(directory)
            member.type, member.mode = tarfile.DIRTYPE, 0o1777 if directory == "tmp" else 0o755
            tar.addfile(member)
        wanted = set(paths)
        for path in paths:
            wanted |= libraries_of(path)
        for path in sorted(wanted):
            tar.add(path, str(path).lstrip("/"), filter=without_baggage)
        for name, content in files.items():
            if isinstance(content, Path):
                tar.add(content, name)
                continue
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content.encode()), 0o644
            tar.addfile(member, io.BytesIO(content.encode()))
    return archive.getvalue()


def without_baggage(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leaves out parts of Python's library that a server does not use."""
    baggage = ("test", "idlelib", "tkinter", "lib2to3", "ensurepip", "distutils", "pydoc_data")
    return None if member.name.split("/")[-1] in baggage or "/config-3" in member.name else member


def image_archive(program: str = "app") -> tuple[bytes, list[str]]:
    """Returns the files of the image "app" or "haproxy", and the lines of its Dockerfile."""
    lull = {"lull": LULL, "tini": Path("/usr/bin/tini-static")}
    accounts = {"etc/passwd": "root:x:0:0::/:\nwww-data:x:33:33::/:\n", "etc/group": "root:x:0:\nwww-data:x:33:\n"}
    if program == "app":
        python = Path("/usr/bin/python3")
        library = Path("/usr/lib") / python.resolve().name
        archive = archive_of([python, library], {**lull, "app.py": HERE / "app.py"})
        return archive, ['ENTRYPOINT ["/lull", "--"]', f'CMD ["{python}", "/app.py"]']
    # As in the official image of HAProxy.
    archive = archive_of([Path("/usr/sbin/haproxy")], accounts, ("usr/local/etc/haproxy",))
    return archive, ['CMD ["/usr/sbin/haproxy", "-W", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]']


def make_app_image(name: str, program: str, engine: str = "docker") -> None:
    archive, changes = image_archive(program)
    options = [word for change in changes for word in ("--change", change)]
    run(engine, "import", *options, "-", name, input=archive)
