"""One stack under one init: started as PID 1 of its own namespaces, given work, and stopped as Docker stops it."""
import os
import select
import shutil
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.realpath(__file__))
PATIENCE = 60.0  # to start, on a busy machine
LIMIT = 15.0  # from the stop signal to SIGKILL; the work in progress takes 5 s
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
UNREAPED = 1.0  # a dead child that PID 1 has not reaped for this time is a zombie

# In the new namespaces, before PID 1 becomes the init: private /tmp, /run and loopback device, no system cron jobs.
SETUP = """
for directory in /tmp /run /etc/cron.d /var/spool/cron; do
	[ ! -d "$directory" ] || mount -t tmpfs -o mode=1777 tmpfs "$directory" || exit
done
mkdir /run/lock || exit
[ ! -e /etc/crontab ] || mount --bind /dev/null /etc/crontab || exit
ip link set lo up || exit
exec "$@"
"""
NAMESPACES = ["unshare", "--pid", "--ipc", "--mount", "--net", "--fork", "--kill-child", "--mount-proc", "sh", "-c", SETUP, "sh"]


class Failed(Exception):
    """The trial did not get as far as the stop."""


def read_children(pid, thread=None):
    try:
        with open(f"/proc/{pid}/task/{thread or pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def read_stat(pid):
    """The fields of /proc/PID/stat from the state on, or None."""
    try:
        with open(f"/proc/{pid}/stat", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def read_status(pid):
    with open(f"/proc/{pid}/status", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def read_inner_pid(pid):
    """Its PID in its own namespace, as text."""
    try:
        return read_status(pid)["NSpid"].split()[-1]
    except OSError:
        return None


class Process:
    """A process of the namespace, as it was before the stop."""

    def __init__(self, pid, status):
        self.pid = pid
        self.inner = int(status["NSpid"].split()[-1])
        self.name = status["Name"]
        self.threads = [int(thread) for thread in os.listdir(f"/proc/{pid}/task")]

    def __str__(self):
        return f"{self.inner} {self.name}"


class Trial:
    """directory is its working directory, prepared has what several trials copy, and lull is the init under test."""

    def __init__(self, stack, init, busy, directory, prepared, lull):
        self.stack, self.init, self.busy = stack, init, busy
        self.directory, self.prepared, self.lull = directory, prepared, lull
        self.job = self.pid1 = self.status = None
        self.servers = []
        self.processes = {}
        self.sent = []
        self.zombies = 0
        self.started = self.took = 0.0
        self.killed = False
        self.kept, self.word = False, "did not run"
        self.trouble = ""

    # --- For the kinds of work

    def path(self, name):
        return os.path.join(self.directory, name)

    def read(self, name):
        try:
            with open(self.path(name), errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def write(self, name, text=""):
        with open(self.path(name), "w") as file:
            file.write(text)

    def failed(self, text):
        return Failed(text)

    def until(self, condition):
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.job is not None and self.job.poll() is not None:
                raise Failed(f"it exited with status {self.job.returncode} before the stop")
            if time.monotonic() > end:
                raise Failed("it did not get ready")
            time.sleep(0.02)

    def start_server(self, command, output="err", input=False):
        """A program next to the namespace. It is killed after the trial."""
        with open(self.path(output), "a") as file:
            server = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *command],
                cwd=self.directory,
                stdin=subprocess.PIPE if input else subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                bufsize=0,
                start_new_session=True,
            )
        self.servers.append(server)
        return server

    # --- Start

    def _command(self):
        app = [word.replace("@DIR@", self.directory) for word in self.stack.command]
        if self.init == "none":
            return app
        if self.init == "tini":
            return ["tini", "--", *app]
        return [self.lull, *self.stack.options.split(), "--", *app]

    def _start(self):
        shutil.copytree(os.path.join(HERE, "files"), self.directory)
        for name, text in self.stack.files.items():
            os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
            self.write(name, text.replace("@DIR@", self.directory))
            os.chmod(self.path(name), 0o755)
        for name in self.stack.prepared:
            shutil.copytree(self.prepared.path(name), self.directory, dirs_exist_ok=True)
        if hasattr(self.stack.work, "prepare"):
            self.stack.work.prepare(self)
        environment = {"PATH": PATH, "HOME": self.directory, "PWD": self.directory, "LC_ALL": "C.UTF-8"}
        with open(self.path("out"), "w") as out, open(self.path("err"), "w") as err:
            self.job = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *NAMESPACES, *self._command()],
                cwd=self.directory,
                env={**environment, **self.stack.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.until(lambda: read_children(self.job.pid))
        self.pid1 = read_children(self.job.pid)[0]
        self.until(lambda: self.stack.work.ready(self))

    # Two, as "docker exec" and daemons leave them. PID 1 has time to reap them before the stop signal.
    def _leave_orphans(self):
        script = "sleep 0.1 & echo $!; sleep 0.1 & echo $!"
        shell = ["nsenter", "--target", str(self.pid1), "--pid", "sh", "-c", script]
        orphans = set(subprocess.run(shell, check=True, stdout=subprocess.PIPE, text=True).stdout.split())
        self.watch = Zombies(self.pid1)

        def are_settled():
            self.watch.scan()
            return all(child in self.watch.found or read_inner_pid(child) not in orphans for child in read_children(self.pid1))

        self.until(are_settled)

    def _list_processes(self):
        """PID 1 and all its descendants, by PID. Orphans are children of PID 1."""
        processes = {}
        pending = [self.pid1]
        while pending:
            pid = pending.pop()
            try:
                status = read_status(pid)
                if status["State"][0] != "Z":
                    processes[pid] = Process(pid, status)
                    pending += [child for thread in processes[pid].threads for child in read_children(pid, thread)]
            except OSError:
                continue
        return processes

    # The server may be ready before its parent waits for it. So the stop begins when all processes sleep and have used no CPU for
    # 0.1 s. The limit of 2 s is for programs that never rest.
    def _settle(self):
        end = time.monotonic() + 2
        before = None
        while time.monotonic() < end:
            stats = {pid: read_stat(pid) for pid in self._list_processes()}
            now = {pid: stat and (stat[0], stat[11], stat[12]) for pid, stat in stats.items()}
            if now == before and all(stat and stat[0] == "S" for stat in stats.values()):
                return
            before = now
            time.sleep(0.1)

    # --- Stop

    def _stop(self):
        natural = self.stack.natural if self.init == "none" else "TERM"
        handle = os.pidfd_open(self.job.pid)
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        self.started = time.monotonic()
        os.kill(self.pid1, signal.Signals["SIG" + natural])
        while not poll.poll(50):
            self.watch.scan()
            if not self.killed and time.monotonic() - self.started > LIMIT:
                self.killed = True
                os.kill(self.pid1, signal.SIGKILL)
        self.took = time.monotonic() - self.started
        os.close(handle)
        status = self.job.wait()
        self.zombies = len(self.watch.found)
        # unshare itself exits with 1 when SIGKILL ended its child.
        self.status = 137 if self.killed else 128 - status if status < 0 else status

    def run(self, recorder):
        """Leaves the result in the attributes; if it could not be measured, trouble is not empty."""
        try:
            self._start()
            self._leave_orphans()
            if self.busy:
                self.stack.work.begin(self)
            self._settle()
            self.processes = self._list_processes()
            self._stop()
            if self.busy:
                self.kept, self.word = self.stack.work.kept(self)
            self.sent = self._sort(recorder.since(self.started))
            # Without an init the kernel may drop it, see kill(2), NOTES.
            if self.init != "none" and ("outside", "TERM", self.init, self.pid1) not in self.sent:
                raise Failed("the stop signal was not recorded")
        except (Failed, OSError, subprocess.SubprocessError) as error:
            self.trouble = f"{type(error).__name__}: {error}"
        finally:
            self.end()

    def end(self):
        for job in [self.job, *self.servers]:
            if job is not None and job.poll() is None:
                job.kill()
                job.wait()
        shutil.rmtree(self.path("data"), ignore_errors=True)  # of a database: large

    # --- Signals

    # (sender, signal, receiver) of those that concern this namespace: by PID in it, and a name.
    def _sort(self, sent):
        threads = {thread: process for process in self.processes.values() for thread in process.threads}
        known = {pid: str(process) for pid, process in self.processes.items()}
        if self.init != "none":
            known[self.pid1] = self.init
        result = []
        for event in sent:
            if event.target not in known and event.sender not in threads:
                continue
            if event.sender in threads:
                sender = known[threads[event.sender].pid]
            else:
                sender = "outside" if event.target == self.pid1 else "a later process"
            name = known.get(event.target, f"new {event.name}")
            result.append((sender, signal.Signals(event.signal).name[3:], name, event.target))
        return result


class Zombies:
    """The dead children of a process that it does not reap."""

    def __init__(self, pid):
        self.pid = pid
        self.since = {}
        self.found = set()

    def scan(self):
        now = time.monotonic()
        for child in read_children(self.pid):
            stat = read_stat(child)
            if stat and stat[0] == "Z" and now - self.since.setdefault(child, now) > UNREAPED:
                self.found.add(child)
