"""The inits that are measured, and the programs that measure. This module runs nothing."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BENCH_BUILD", ROOT / "build/bench"))  # from the Makefile

# Command or file, and Debian package, for all that is needed here; the Makefile needs a compiler as well.
NEEDS = {
    "musl-gcc": "musl-tools",
    "strace": "strace",
    "setarch": "util-linux",
    "ip": "iproute2",
    "tini": "tini",
    "tini-static": "tini",
    "dumb-init": "dumb-init",
    "catatonit": "catatonit",
}


class Failed(Exception):
    """What a person can do something about: no traceback."""


@dataclass(frozen=True)
class Init:
    name: str
    path: str  # "-": none, the app is PID 1 itself
    package: str = ""  # Debian's

    @property
    def is_none(self) -> bool:
        return self.path == "-"


NONE = Init("no init", "-")
BARE = Init("floor, without libc", str(BUILD / "floor-bare"))
MUSL = Init("floor, on musl", str(BUILD / "floor-musl"))
LULL = Init("lull", str(BUILD / "lull"))
TINI_STATIC = Init("tini-static", "/usr/bin/tini-static", "tini")
PEERS = (
    Init("catatonit", "/usr/bin/catatonit", "catatonit"),
    TINI_STATIC,
    Init("tini", "/usr/bin/tini", "tini"),
    Init("dumb-init", "/usr/bin/dumb-init", "dumb-init"),
)
INITS = (BARE, MUSL, LULL, *PEERS)

APP = str(BUILD / "app")
MEASURE = str(BUILD / "measure")
STEP = str(BUILD / "step")


def check_needs() -> None:
    missing = {package for need, package in NEEDS.items() if not shutil.which(need)}
    if missing:
        raise Failed(f"missing: apt-get install {' '.join(sorted(missing))}")
    if os.geteuid() != 0:
        raise Failed("needs root, for PID namespaces")
