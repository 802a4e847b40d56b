"""Records each signal that a process of this run sends: the kernel's tracepoint signal:signal_generate.

Why not strace: a traced process stops for each signal, which changes its context switches and its state, and the rule under
test reads both. Why not the servers' own counts: a second signal coalesces while the first is pending, and Redis or nginx
does not count. The tracepoint fires in kill(2) itself, also for a signal that is pending already, and changes nothing.

The PIDs are those of the initial PID namespace, so the runner has to be in it.
"""
import collections
import os
import re
import select
import subprocess
import threading
import time

INITIAL_PID_NAMESPACE = "pid:[4026531836]"  # PROC_PID_INIT_INO of linux/proc_ns.h
RECORDED = (1, 2, 3, 9, 10, 12, 15, 18, 19, 20, 28)
LINE = re.compile(
    r"-(?P<sender>\d+) +\[\d+\] \S+ +(?P<time>[\d.]+): signal_generate: sig=(?P<signal>\d+) errno=-?\d+ code=(?P<code>-?\d+)"
    r" comm=(?P<name>.*) pid=(?P<target>\d+) grp=\d+ res=(?P<result>\d+)$"
)
MARK = re.compile(r"tracing_mark_write: (\S+)$")

Sent = collections.namedtuple("Sent", "time sender signal target name")


class Unavailable(Exception):
    """The kernel's tracepoints cannot be used here."""


class Recorder:
    """Follows the calling process and all its later descendants. Needs a mount namespace of its own."""

    def __init__(self, directory):
        self.sent = []
        self.lost = False
        self._marks = set()
        self._changed = threading.Condition()
        if os.readlink("/proc/self/ns/pid") != INITIAL_PID_NAMESPACE:
            raise Unavailable("not in the initial PID namespace: run it on the machine, not in a container")
        try:
            subprocess.run(["mount", "-t", "tracefs", "tracefs", directory], check=True)
            self._instances = os.path.join(directory, "instances")
            self._remove_stale()
            self._instance = os.path.join(self._instances, f"lull-apps-{os.getpid()}")
            os.mkdir(self._instance)
            self._write("trace_clock", "mono")  # that of time.monotonic()
            self._write("options/event-fork", "1")
            self._write("set_event_pid", str(os.getpid()))
            self._write("events/signal/signal_generate/filter", " || ".join(f"sig == {n}" for n in RECORDED))
            self._write("events/signal/signal_generate/enable", "1")
        except (OSError, subprocess.CalledProcessError) as error:
            raise Unavailable(f"no signal tracepoint: {error}") from error
        self._closing = False
        self._pipe = os.open(os.path.join(self._instance, "trace_pipe"), os.O_RDONLY | os.O_NONBLOCK)
        self._poll = select.poll()
        self._poll.register(self._pipe, select.POLLIN)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _write(self, name, text):
        with open(os.path.join(self._instance, name), "w") as file:
            file.write(text)

    # Of a run that was killed.
    def _remove_stale(self):
        for name in os.listdir(self._instances):
            if name.startswith("lull-apps-") and not os.path.exists(f"/proc/{name.rsplit('-', 1)[1]}"):
                os.rmdir(os.path.join(self._instances, name))

    def _read(self):
        rest = b""
        while not self._closing or self._poll.poll(0):
            if self._poll.poll(100):
                *lines, rest = (rest + os.read(self._pipe, 1 << 16)).split(b"\n")
                for line in lines:
                    self._record(line.decode(errors="replace"))

    def _record(self, line):
        if sent := LINE.search(line):
            # A code above 0: from the kernel, sigaction(2). Result 1: dropped, since the process ignores it or is dying already.
            if int(sent["code"]) <= 0 and sent["result"] != "1":
                event = Sent(float(sent["time"]), int(sent["sender"]), int(sent["signal"]), int(sent["target"]), sent["name"])
                self.sent.append(event)
        elif mark := MARK.search(line):
            with self._changed:
                self._marks.add(mark[1])
                self._changed.notify_all()
        elif "LOST" in line:
            self.lost = True

    def since(self, start):
        """All that was sent from the time start until now, in order."""
        mark = f"{threading.get_ident()}-{time.monotonic_ns()}"
        self._write("trace_marker", mark)
        with self._changed:
            if not self._changed.wait_for(lambda: mark in self._marks, timeout=60):
                raise Unavailable("the kernel's trace does not arrive")
        return [sent for sent in self.sent if sent.time >= start]

    def close(self):
        """Removes the instance; the mount goes with the mount namespace."""
        self._write("events/signal/signal_generate/enable", "0")
        self._closing = True
        self._reader.join()
        os.close(self._pipe)
        os.rmdir(self._instance)
