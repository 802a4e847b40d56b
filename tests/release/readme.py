"""README.md as its reader uses it: the commands of its sections, and a server on loopback that has a release's files.

DIST is the directory of make dist. For upgrades, a second release is made of its files.
"""

import functools
import re
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from os import environ
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "orchestrators"))

from common import ROOT, Tap, archive_of, must, must_match  # noqa: E402
from containers import STATE, Failed, run, wait_until  # noqa: E402  # isort: skip

README = (ROOT / "README.md").read_text(encoding="utf-8")
DIST = Path(environ.get("DIST", ROOT / "build/dist"))
VERSION = re.search(r"^VERSION = (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
NEXT = "9.9.9"  # as long as VERSION, which it replaces in the binary
RELEASE = f"https://example.org/lull/v{VERSION}"
REGISTRY = "registry.example.com"
PATIENCE_S = 120

# Some app, which ends cleanly, and an image to start from, with the name in the README.
APP = "#!/bin/sh\ntrap 'exit 0' TERM\necho serving\nwhile :; do sleep 0.05; done\n"
BASE = "debian:12-slim"
BUSYBOX = Path("/bin/busybox")


def section(heading: str) -> str:
    return re.search(f"^##+ {heading}\n(.*?)^##+ ", README, re.DOTALL | re.MULTILINE)[1]


def blocks(heading: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", section(heading), re.DOTALL | re.MULTILINE)


def table(heading: str) -> list[list[str]]:
    """The code of each row."""
    rows = [line for line in section(heading).splitlines() if line.startswith("| `")]
    return [re.findall("`([^`]+)`", row) for row in rows]


DOWNLOAD, TO_REGISTRY = blocks("Install", "sh")
(DOCKERFILE,) = blocks("Docker", "dockerfile")
(BUILD_AND_RUN,) = blocks("Docker", "sh")
(IMAGE, *LOAD), (PACKAGE, INSTALL_PACKAGE), (BINARY, INSTALL_BINARY), (SOURCE, INSTALL_SOURCE) = table("Install")
(STOP_LOG,) = re.findall(r"^(lull: stopping: .*)$", README, re.MULTILINE)


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


def serve(directory: Path) -> str:
    """Returns the address of its files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(directory)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def new_directory(name: str) -> Path:
    directory = STATE / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    return directory


def bash(script: str, directory: Path | None, *inside: str) -> str:
    """Runs it in the directory, by the command `inside` if there is one. Fails with all that it printed."""
    done = subprocess.run(
        [*inside, "bash", "-c", script], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", timeout=PATIENCE_S, check=False,
    )
    if done.returncode != 0:
        raise Failed(f"{script}status {done.returncode}:\n{done.stdout}")
    return done.stdout


def replace_once(text: str, old: str, new: str) -> str:
    must(text.count(old) == 1, f"not once in README.md: {old}")
    return text.replace(old, new)


def download(file: str, files: Path = DIST) -> str:
    """The first block, for that file of a directory."""
    script = replace_once(DOWNLOAD, RELEASE, serve(files))
    return replace_once(script, f"FILE={IMAGE}\n", f"FILE={file}\n")


def damaged(file: str) -> tuple[str, Path]:
    """The file with another byte, and its directory."""
    directory = new_directory("damaged")
    shutil.copy(DIST / "SHA256SUMS", directory)
    (directory / file).write_bytes((DIST / file).read_bytes() + b"x")
    return file, directory


def next_release(file: str) -> tuple[str, Path]:
    """The name that the file has in the next release, and its directory."""
    return file.replace(VERSION, NEXT), make_next_release()


@functools.cache
def make_next_release() -> Path:
    """Image, package and binary, with another version in the binary."""
    directory = new_directory("next")
    image, package, binary = (directory / file.replace(VERSION, NEXT) for file in (IMAGE, PACKAGE, BINARY))
    old = (DIST / BINARY).read_bytes()
    must(old.count(VERSION.encode()) == 1 and len(NEXT) == len(VERSION), "the version is not once in the binary")
    binary.write_bytes(old.replace(VERSION.encode(), NEXT.encode()))
    run(ROOT / ".release/image", image, NEXT, "0", f"amd64={binary}")
    root = STATE / "package"
    run("dpkg-deb", "-R", DIST / PACKAGE, root)
    (root / "usr/bin/lull").write_bytes(binary.read_bytes())
    control = root / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: .*$", f"Version: {NEXT}", control.read_text(), flags=re.MULTILINE))
    run("dpkg-deb", "-b", root, package)
    (directory / "SHA256SUMS").write_text(bash("sha256sum *", directory))
    return directory


# --- Docker and podman ------------------------------------------------------------------------------------------------


class Engine:
    """Docker, or podman with the same commands."""

    def __init__(self, name: str) -> None:
        self.name = name
        (self.command,) = (command for command in LOAD if command.startswith(name))
        accounts = {"etc/passwd": "root:x:0:0::/:\nwww-data:x:33:33::/:\n", "etc/group": "root:x:0:\nwww-data:x:33:\n"}
        base = archive_of([], {"bin/sh": BUSYBOX, "bin/sleep": BUSYBOX, **accounts})
        run(name, "import", "-", f"docker.io/library/{BASE}", input=base)
        self.directory = new_directory("app")
        (self.directory / "Dockerfile").write_text(DOCKERFILE)
        (self.directory / "app").write_text(APP)
        (self.directory / "app").chmod(0o755)

    def load(self, file: str, files: Path = DIST) -> None:
        bash(download(file, files) + self.command, new_directory("user"))

    def build_and_run(self) -> None:
        bash(BUILD_AND_RUN.replace("docker ", f"{self.name} "), self.directory)
        wait_until("the app serves", lambda: "serving" in self.logs())

    def logs(self) -> str:
        return bash(f"{self.name} logs web 2>&1", self.directory)

    def must_stop(self) -> None:
        """README's stop. A second SIGTERM, a second later, skips the rest of the delay."""
        pid = run(self.name, "inspect", "--format", "{{.State.Pid}}", "web")
        with subprocess.Popen([self.name, "stop", "web"], stdout=subprocess.DEVNULL) as stop:
            wait_until("lull has logged the stop", lambda: STOP_LOG in self.logs())
            wait_until("the app has the signal", lambda: self.is_stopped_after_another(pid), step=0.5)
            must(stop.wait(PATIENCE_S) == 0, "an error of stop")
        must_match(r"lull: stopped in [0-9.]+ m?s: app exited with status 0, no process killed", self.logs())
        run(self.name, "rm", "web")

    def is_stopped_after_another(self, pid: str) -> bool:
        subprocess.run(["kill", "-TERM", pid], stderr=subprocess.DEVNULL, check=False)
        return "lull: stopped" in self.logs()

    def must_have(self, version: str) -> None:
        label = '{{index .Config.Labels "org.opencontainers.image.version"}}'
        must(run(self.name, "inspect", "--format", label, "lull") == version, "an image of another version")
        printed = run(self.name, "run", "--rm", "--entrypoint", "/lull", "example/app:1", "--version")
        must(f"lull version {version}" in printed, f"the app's image has {printed}")

    def test(self, tap: Tap) -> bool:
        """The way of a new user, except for the end."""

        def installs() -> None:
            self.load(IMAGE)
            self.build_and_run()
            self.must_have(VERSION)

        def upgrades() -> None:
            self.load(*next_release(IMAGE))
            self.build_and_run()
            self.must_have(NEXT)
            self.must_stop()

        return (
            tap.check(f"{self.name}: load the image, build an app with it, run it", installs)
            and tap.check(f"{self.name}: stop it, with README's log", self.must_stop)
            and tap.check(f"{self.name}: upgrade", upgrades)
        )
