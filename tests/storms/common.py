"""Code that storms and races share: the inits, namespaces for an init, its counters, and TAP.

Failures of other inits are shown in the table; only a failure of lull fails the suite.
"""

import mmap
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LULL = Path(os.environ.get("LULL", ROOT / "build/lull"))
FULL = os.environ.get("FULL", "") not in ("", "0")
PATIENCE_S = 60.0  # a wait that takes longer counts as hung
SLOTS = 128 + 65536

# tests/helpers/storm.h
NAMES = """READY INIT_PID APP_PID APP_ENDED_NS LEFT LEFT_NS LEFT_STATUS VALUES ORPHANS CROWD APP_FDS APP_ENV
SENT SENT_QUEUED SENT_VALUES LEFT_PID STRANGER STRANGER_MADE""".split()
SLOT = {name: place for place, name in enumerate(NAMES)} | {"COUNTS": 32, "PIDS": 128}


class Failed(Exception):
    """A test failed."""


def size(small: int, full: int) -> int:
    return full if FULL else small


# --- The inits ------------------------------------------------------------------------------------------------------

PEERS = ("tini", "dumb-init", "catatonit")
INITS = ("lull", *os.environ.get("PEERS", " ".join(PEERS)).split())

# Other users may have no access to the checkout, so all programs are copied to this directory.
PLACE = Path(tempfile.mkdtemp(prefix="lull-storms."))
STORM = PLACE / "storm"
RACE = PLACE / "race"


def set_place() -> None:
    PLACE.chmod(0o755)
    for program in (LULL, ROOT / "build/tests/storm", ROOT / "build/tests/race"):
        shutil.copy(program, PLACE / program.name)
    if LULL.name != "lull":
        shutil.copy(LULL, PLACE / "lull")
    (PLACE / "named").mkdir()
    for name in PEERS:
        (PLACE / "named" / name).symlink_to("../lull")
        found = shutil.which(name)
        if found is None:
            raise Failed(f"{name} is not installed")
        shutil.copy(found, PLACE / name)


def command_of(init: str, options: Sequence[str] = ()) -> list[str]:
    """The command of an init, or of lull in a compatibility mode: "lull as tini"."""
    name = init.removeprefix("lull as ")
    if name != init:
        init = f"named/{name}"
    return [str(PLACE / init), *options, "--"]


# --- One init on a stage ----------------------------------------------------------------------------------------------


class Stage:
    """An init as PID 1, its app, and the counters that they share."""

    def __init__(self, words: Sequence[str], init: Sequence[str], app: Sequence[str], log: int | None = None) -> None:
        """`log` gets stdout and stderr of the init; without it, /dev/null gets them."""
        handle, name = tempfile.mkstemp(dir=PLACE)
        os.truncate(handle, SLOTS * 8)
        os.fchmod(handle, 0o666)
        self.file = Path(name)
        self.held: dict[int, int] = {}
        self.app = 0
        self.numbers = mmap.mmap(handle, SLOTS * 8)
        os.close(handle)
        command = [STORM, "stage", name, *words, "--", *init, STORM, "app", name, *app]
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if log is None else log,
            stderr=subprocess.DEVNULL if log is None else log,
        )

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()  # kills the init too: its parent-death signal is SIGKILL
        self.process.wait()
        for held in self.held.values():
            os.close(held)
        self.numbers.close()
        self.file.unlink()

    def __getitem__(self, name: str) -> int:
        return self.at(SLOT[name])

    def at(self, place: int) -> int:
        return struct.unpack_from("=Q", self.numbers, place * 8)[0]

    def count(self, signo: int) -> int:
        return self.at(SLOT["COUNTS"] + signo)

    def count_all(self) -> int:
        return sum(self.count(signo) for signo in range(1, 65))

    @property
    def init(self) -> int:
        return self["INIT_PID"]

    @property
    def left(self) -> bool:
        return bool(self["LEFT"])

    def until(self, is_true: Callable[[], object], patience_s: float = PATIENCE_S) -> bool:
        """Waits until the condition is true or the init has exited. Returns the condition."""
        left_s, before = patience_s, time.monotonic()
        while not is_true():
            if self.left or left_s <= 0:
                return bool(is_true())
            time.sleep(0.001)
            # If the whole machine stops for a while, that time does not count.
            left_s -= min(time.monotonic() - before, 0.1)
            before = time.monotonic()
        return True

    def start(self, patience_s: float = PATIENCE_S) -> bool:
        """Waits until the app is ready and the stage has written the init's PID, which may come later."""
        return self.until(lambda: self["READY"] and self.init, patience_s)

    def children(self) -> list[int]:
        try:
            return [int(word) for word in Path(f"/proc/{self.init}/task/{self.init}/children").read_text().split()]
        except (OSError, ValueError):
            return []

    def send_to(self, pid: int, signo: int) -> None:
        """Sends by pidfd, because the PID may already belong to another process."""
        try:
            if pid not in self.held:
                self.held[pid] = os.pidfd_open(pid)
            signal.pidfd_send_signal(self.held[pid], signo)
        except ProcessLookupError:
            pass

    def signal_app(self, signo: int) -> None:
        """The app is the init's first child."""
        if self.app == 0:
            self.app = (self.children() or [0])[0]
        if self.app != 0:
            self.send_to(self.app, signo)

    def send(self, signo: int) -> None:
        self.send_to(self.init, signo)

    def storm(self, senders: int, count: int, queued: int) -> list[subprocess.Popen]:
        words = [str(STORM), "send", str(self.file), str(self.init), str(count // senders), str(queued // senders)]
        return [subprocess.Popen(words) for _ in range(senders)]

    def flood(self, senders: int) -> list[subprocess.Popen]:
        return [subprocess.Popen([str(STORM), "flood", str(self.init)]) for _ in range(senders)]

    # --- What the kernel reports about the init

    def cpu_ms(self) -> float:
        try:
            return int(Path(f"/proc/{self.init}/schedstat").read_text().split()[0]) / 1e6
        except (OSError, ValueError, IndexError):
            return 0.0

    def wakeups(self) -> int:
        """The number of its context switches, voluntary or not."""
        try:
            status = Path(f"/proc/{self.init}/status").read_text()
        except OSError:
            return 0
        return sum(int(line.split()[1]) for line in status.splitlines() if "ctxt_switches" in line)

    def wakeups_in(self, seconds: float) -> int:
        before = self.wakeups()
        time.sleep(seconds)
        return self.wakeups() - before

    def zombies(self) -> int:
        count = 0
        for pid in self.children():
            try:
                stat = Path(f"/proc/{pid}/stat").read_text()
            except OSError:
                continue
            count += stat.rpartition(")")[2].split()[0] == "Z"
        return count

    def descriptors(self) -> int:
        return len(os.listdir(f"/proc/{self.init}/fd"))

    @property
    def status(self) -> int:
        """The exit status as a shell reports it."""
        return shell_status(self["LEFT_STATUS"])

    @property
    def leave_ms(self) -> float:
        """The time from the app's exit to the init's."""
        return (self["LEFT_NS"] - self["APP_ENDED_NS"]) / 1e6


def shell_status(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return 128 - code if code < 0 else code


# --- TAP --------------------------------------------------------------------------------------------------------------


class Tap:
    def __init__(self) -> None:
        self.failed = 0

    def comment(self, text: str) -> None:
        for line in text.splitlines():
            print(f"# {line}", flush=True)

    def result(self, name: str, wrong: Sequence[str]) -> None:
        print(f"{'not ok' if wrong else 'ok'} {name}", flush=True)
        self.failed += bool(wrong)
        for line in wrong:
            self.comment(line)


def main(body: Callable[[Tap], None]) -> None:
    tap = Tap()
    try:
        set_place()
        body(tap)
    except Exception:
        tap.result(f"{Path(sys.argv[0]).name}: exception outside a check", [traceback.format_exc()])
    finally:
        shutil.rmtree(PLACE, ignore_errors=True)
    sys.exit(1 if tap.failed else 0)
