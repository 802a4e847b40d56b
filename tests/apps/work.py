"""The kinds of work that a stack can have in progress when it is stopped.

Each is a class with three methods. They run outside the namespace, in the stack's working directory:

ready(trial)   true once the stack can take work
begin(trial)   gives it work and returns once that is accepted
kept(trial)    after the stop: (True, what was kept) or (False, what became of it)

"in progress" takes 5 s, longer than the 2 s after which lull may repeat a signal.
"""
import ctypes
import glob
import os
import shutil
import socket
import struct
import subprocess
import threading
import time

CLONE_NEWNET = 0x40000000


def connect(trial, address):
    """Connects to a Unix socket in the working directory, or to a port in the network namespace of the trial."""
    if isinstance(address, str):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(trial.path(address))
        return connection
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/task/%d/ns/net" % threading.get_native_id()) as here, open(f"/proc/{trial.pid1}/ns/net") as there:
        libc.setns(there.fileno(), CLONE_NEWNET)  # of this thread only
        try:
            connection = socket.socket()
        finally:
            libc.setns(here.fileno(), CLONE_NEWNET)
    connection.connect(("127.0.0.1", address))
    return connection


class Http:
    """A request that takes 5 s. With saved, the server also writes a file when it stops."""

    def __init__(self, address="sock", saved=False):
        self.address, self.saved = address, saved

    def _request(self, trial, path):
        connection = connect(trial, self.address)
        connection.settimeout(30)
        connection.sendall(self.request(trial, path))
        return connection

    def request(self, trial, path):
        return b"GET /%s HTTP/1.0\r\n\r\n" % path

    def ready(self, trial):
        try:
            with self._request(trial, b"") as connection:
                return bool(connection.recv(1))
        except OSError:
            return False

    def begin(self, trial):
        connection = self._request(trial, b"slow")
        begun = threading.Event()
        trial.answer = b""

        def read():
            try:
                while piece := connection.recv(65536):
                    trial.answer += piece
                    if b"begin\n" in trial.answer:
                        begun.set()
            except OSError:
                pass
            connection.close()
            trial.answered = time.monotonic()
            begun.set()

        trial.client = threading.Thread(target=read, daemon=True)
        trial.client.start()
        if not begun.wait(30) or b"begin\n" not in trial.answer:
            raise trial.failed("the request was not accepted")

    def is_served(self, trial):
        trial.client.join(60)
        if trial.answered < trial.started:
            raise trial.failed("the request was over before the stop")
        return b"end\n" in trial.answer

    def kept(self, trial):
        if not self.is_served(trial):
            return False, "cut"
        if self.saved and not os.path.exists(trial.path("saved")):
            return False, "served, not saved"
        return True, "served"


class FastCgi(Http):
    """The same request to a FastCGI server, for the script slow.php."""

    def request(self, trial, path):
        parameters = {
            "SCRIPT_FILENAME": trial.path("slow.php"),
            "REQUEST_METHOD": "GET",
            "QUERY_STRING": path.decode(),
        }
        pairs = b"".join(
            struct.pack("BB", len(name), len(value)) + name.encode() + value.encode() for name, value in parameters.items()
        )

        def record(kind, content):
            return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content

        # BEGIN_REQUEST as a responder, PARAMS, STDIN; the empty ones end a stream.
        return record(1, struct.pack(">HB5x", 1, 0)) + record(4, pairs) + record(4, b"") + record(5, b"")


class CeleryTask:
    """A task of 5 s. The broker is outside the namespace: it outlives the worker."""

    def prepare(self, trial):
        trial.start_server(["redis-server", "--port", "0", "--save", "", "--unixsocket", "redis.sock", "--logfile", "redis.log"])
        trial.until(lambda: os.path.exists(trial.path("redis.sock")))
        if trial.busy:
            trial.write("wanted")

    def ready(self, trial):
        return os.path.exists(trial.path("up"))

    def begin(self, trial):
        trial.until(lambda: os.path.exists(trial.path("begun")))

    def kept(self, trial):
        return (True, "done") if os.path.exists(trial.path("done")) else (False, "task lost")


class JavaOrders:
    """Orders in memory, which a shutdown hook of 5 s writes out."""

    def prepare(self, trial):
        os.mkfifo(trial.path("orders"))
        trial.orders = os.open(trial.path("orders"), os.O_RDWR)  # stays open: the program exits at the end of its input

    def ready(self, trial):
        return "ready" in trial.read("out")

    def begin(self, trial):
        os.write(trial.orders, b"one coffee\n")
        trial.until(lambda: "accepted one coffee" in trial.read("out"))

    def kept(self, trial):
        return (True, "flushed") if trial.read("flushed") == "one coffee\n" else (False, "lost")


class RedisData:
    """A key that Redis writes to disk only when it stops gracefully."""

    def _command(self, trial, *words):
        with connect(trial, "sock") as connection:
            connection.settimeout(30)
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(64)

    def ready(self, trial):
        try:
            return self._command(trial, "PING") == b"+PONG\r\n"
        except OSError:
            return False

    def begin(self, trial):
        if self._command(trial, "SET", "order", "kept") != b"+OK\r\n":
            raise trial.failed("Redis did not take the key")

    def kept(self, trial):
        try:
            with open(trial.path("dump.rdb"), "rb") as file:
                dump = file.read()
        except OSError:
            dump = b""
        return (True, "saved") if b"order\x04kept" in dump else (False, "lost")


class PostgresSession:
    """A session with a committed row that stays open. A clean shutdown is recorded in the control file."""

    prepared = ("postgres",)
    programs = "".join(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1:])

    def prepare(self, trial):
        shutil.copytree(trial.prepared.path("postgres"), trial.path("data"))
        subprocess.run(["chown", "-R", "postgres:", trial.path("data")], check=True)

    # The last line of postmaster.pid, since version 10.
    def ready(self, trial):
        return trial.read("data/postmaster.pid").rstrip().endswith("\nready")

    def _psql(self, trial, statement):
        return trial.start_server(
            ["psql", "-qAt", "-h", trial.path("data"), "-U", "postgres", "-c", statement, "postgres"], output="answers"
        )

    # The session sleeps: PostgreSQL ends it on SIGINT, and waits for it on SIGTERM.
    def begin(self, trial):
        self._psql(trial, "create table work as select 'kept'").wait()
        trial.start_server(["psql", "-qAt", "-h", trial.path("data"), "-U", "postgres", "postgres"], output="answers", input=True).stdin.write(
            b"select 'commit' || 'ted';\n"
        )
        trial.until(lambda: "committed" in trial.read("answers"))

    def kept(self, trial):
        control = subprocess.run(
            [f"{self.programs}/pg_controldata", trial.path("data")], capture_output=True, text=True, env={"LC_ALL": "C"}
        ).stdout
        clean = any(line.split(":")[1].strip() == "shut down" for line in control.splitlines() if "cluster state" in line)
        return (True, "clean") if clean else (False, "dirty")


class MariadbData:
    """An idle server. It logs the end of a clean shutdown."""

    prepared = ("mariadb",)

    def prepare(self, trial):
        shutil.copytree(trial.prepared.path("mariadb"), trial.path("data"))
        subprocess.run(["chown", "-R", "mysql:", trial.path("data")], check=True)

    def ready(self, trial):
        try:
            with connect(trial, "data/sock") as connection:
                return bool(connection.recv(1))
        except OSError:
            return False

    def begin(self, trial):
        pass

    def kept(self, trial):
        return (True, "clean") if "Shutdown complete" in trial.read("data/log.err") else (False, "dirty")


class Mail:
    """A message that Postfix has accepted is in its queue."""

    def prepare(self, trial):
        for name in ("spool", "data", "etc"):
            os.mkdir(trial.path(name))
        shutil.chown(trial.path("data"), "postfix")
        for name in ("main.cf", "master.cf"):
            trial.write(f"etc/{name}", trial.read(f"postfix-{name}").replace("@DIR@", trial.directory))

    def ready(self, trial):
        try:
            with connect(trial, 25) as connection:
                connection.settimeout(30)
                return connection.recv(4) == b"220 "
        except OSError:
            return False

    def begin(self, trial):
        with connect(trial, 25) as connection, connection.makefile("rw", newline="\r\n") as lines:
            connection.settimeout(30)
            lines.readline()
            for line in ("HELO test", "MAIL FROM:<root@localhost>", "RCPT TO:<root@localhost>", "DATA", "hello\n."):
                lines.write(line + "\n")
                lines.flush()
                answer = lines.readline()
                if answer[:1] not in "23":
                    raise trial.failed(f"Postfix answered {answer}")

    def kept(self, trial):
        queue = [file for name in ("incoming", "active", "deferred") for _, _, file in os.walk(trial.path("spool/" + name))]
        return (True, "queued") if any(queue) else (False, "lost")
