"""The cases: what a client does before and after the stop signal, and what lull does. This module starts no server."""

import base64
import os
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
QUIET_S = 0.8  # more than CONNECTIONS_QUIET_MS of src/connections.h
LONG_S = 2.5  # of a request that is in work, from its start
TIMEOUT_S = 30.0

# What lull does when the stop signal arrives.
STOPS = "stops"  # sends the signal to the app soon
WAITS = "waits"  # sends it when the response is complete
CUTS = "cuts"  # sends it before the response is complete
HOLDS = "holds"  # sends it when the drain timeout is over, and there was no response to wait for

Finish = Callable[[], None]  # returns when the response is complete
Act = Callable[[int], Finish | None]  # gets the port; returns when the state is reached


@dataclass(frozen=True)
class Case:
    title: str
    servers: tuple[str, ...]
    act: Act
    expected: tuple[str, ...]  # one of these
    known: str = ""  # for a wrong verdict: the row of the manual's table that it belongs to


# --- HTTP/1.1, without a library that would hide the segments -----------------------------------------------------


def connect(port: int, receive: int = 0) -> socket.socket:
    connection = socket.socket()
    if receive:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.settimeout(TIMEOUT_S)
    connection.connect(("127.0.0.1", port))
    return connection


def head(method: str, path: str, *fields: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: localhost", *fields, "", ""]).encode()


def receive(connection: socket.socket, size: int = 65536) -> bytes:
    data = connection.recv(size)
    if not data:
        raise ConnectionError("closed before the end of the response")
    return data


def read_response(connection: socket.socket, data: bytes = b"") -> bytes:
    """Reads to the end of a response with status 200; returns what follows. Skips interim responses."""
    while b"\r\n\r\n" not in data:
        data += receive(connection)
    top, _, data = data.partition(b"\r\n\r\n")
    if top.startswith(b"HTTP/1.1 1"):
        return read_response(connection, data)
    if b" 200" not in top.splitlines()[0]:
        raise ConnectionError(top.decode())
    fields = {line.partition(b": ")[0].lower(): line.partition(b": ")[2] for line in top.splitlines()[1:]}
    if b"content-length" in fields:
        rest = int(fields[b"content-length"]) - len(data)
        while rest > 0:
            rest -= len(receive(connection))
        return data[len(data) + rest :] if rest < 0 else b""
    while not data.endswith(b"0\r\n\r\n"):  # chunked
        data += receive(connection)
    return b""


def ask(connection: socket.socket, path: str) -> None:
    connection.sendall(head("GET", path))
    read_response(connection)


def reader(connection: socket.socket) -> Finish:
    def finish() -> None:
        read_response(connection)

    return finish


KEPT: list[object] = []  # connections that stay open


def keep(thing: object) -> None:
    KEPT.append(thing)


# --- The cases of HTTP/1.1 ----------------------------------------------------------------------------------------


def answer_and_keep(connection: socket.socket) -> None:
    for _ in range(5):
        ask(connection, "/sleep?s=0")
    keep(connection)
    time.sleep(QUIET_S)


def kept_alive(port: int) -> None:
    answer_and_keep(connect(port))


def silent(port: int) -> None:
    keep(connect(port))
    time.sleep(0.1)


def computes(port: int) -> Finish:
    connection = connect(port)
    connection.sendall(head("GET", f"/sleep?s={LONG_S}"))
    time.sleep(QUIET_S)
    return reader(connection)


def computes_again(port: int) -> Finish:
    """Data was received in the same jiffy as the last response was sent."""
    connection = connect(port)
    for _ in range(20):
        ask(connection, "/sleep?s=0")
    connection.sendall(head("GET", f"/sleep?s={LONG_S}"))
    time.sleep(QUIET_S)
    return reader(connection)


def uploads(pieces: int, pause_s: float) -> Act:
    def act(port: int) -> Finish:
        connection = connect(port)
        connection.sendall(head("POST", "/upload", f"Content-Length: {1000 * pieces}") + b"x" * 1000)
        time.sleep(0.1)

        def finish() -> None:
            for _ in range(pieces - 1):
                time.sleep(pause_s)
                connection.sendall(b"x" * 1000)
            read_response(connection)

        return finish

    return act


def half_closed(port: int) -> Finish:
    connection = connect(port)
    connection.sendall(head("GET", f"/sleep?s={LONG_S}", "Connection: close"))
    connection.shutdown(socket.SHUT_WR)
    time.sleep(QUIET_S)
    return reader(connection)


def ask_big(port: int) -> socket.socket:
    """Returns when the client's buffer is full. The head alone may come much earlier than the body."""
    connection = connect(port, receive=16384)
    connection.sendall(head("GET", "/big"))
    while len(connection.recv(8192, socket.MSG_PEEK)) < 8192:
        time.sleep(0.02)
    time.sleep(QUIET_S)
    return connection


def reads_slowly(port: int) -> Finish:
    connection = ask_big(port)

    def finish() -> None:
        for _ in range(8):
            receive(connection, 4096)
            time.sleep(0.2)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        rest = (8 << 20) - 8 * 4096
        while rest > 0:
            rest -= len(receive(connection))

    return finish


def reads_later(port: int) -> Finish:
    connection = ask_big(port)

    def finish() -> None:
        time.sleep(2)
        read_response(connection)

    return finish


def streams(count: int, pause_s: float) -> Act:
    def act(port: int) -> Finish:
        connection = connect(port)
        connection.sendall(head("GET", f"/stream?n={count}&pause={pause_s}"))
        time.sleep(0.1)
        return reader(connection)

    return act


def half_a_head(port: int) -> Finish:
    connection = connect(port)
    text = head("GET", "/sleep?s=0")
    connection.sendall(text[:20])
    time.sleep(QUIET_S)

    def finish() -> None:
        time.sleep(1)
        connection.sendall(text[20:])
        read_response(connection)

    return finish


def gives_up(port: int) -> None:
    """The client has closed its connection. The app works on, for longer than the drain may take."""
    connection = connect(port)
    connection.sendall(head("GET", "/sleep?s=20"))
    time.sleep(0.3)
    connection.close()
    time.sleep(QUIET_S)


def pipelines(port: int) -> Finish:
    connection = connect(port)
    connection.sendall(head("GET", "/sleep?s=0") + head("GET", f"/sleep?s={LONG_S}"))
    rest = read_response(connection)
    time.sleep(QUIET_S)

    def finish() -> None:
        read_response(connection, rest)

    return finish


def expects(port: int) -> Finish:
    connection = connect(port)
    connection.sendall(head("POST", "/upload", "Content-Length: 1000", "Expect: 100-continue"))
    data = b""
    while b"\r\n\r\n" not in data:
        data += receive(connection)
    time.sleep(QUIET_S)

    def finish() -> None:
        time.sleep(1)
        connection.sendall(b"x" * 1000)
        read_response(connection, data)

    return finish


def begun(path: str) -> Act:
    def act(port: int) -> Finish:
        connection = connect(port)
        connection.sendall(head("GET", f"{path}?s={LONG_S}"))
        data = receive(connection)
        time.sleep(QUIET_S)

        def finish() -> None:
            read_response(connection, data)

        return finish

    return act


def long_poll(port: int) -> None:
    connection = connect(port)
    connection.sendall(head("GET", "/sleep?s=20"))
    keep(connection)
    time.sleep(QUIET_S)


def checked(port: int) -> None:
    connection = connect(port)

    def check() -> None:
        try:
            while True:
                ask(connection, "/sleep?s=0")
                time.sleep(0.3)
        except OSError:
            connection.close()

    in_background(check)
    time.sleep(QUIET_S)


def limited(path: str) -> Act:
    def act(port: int) -> Finish:
        connection = connect(port)
        connection.sendall(head("GET", path))
        time.sleep(0.1)
        return reader(connection)

    return act


# --- TLS ----------------------------------------------------------------------------------------------------------


def secure(port: int, protocols: list[str] | None = None) -> ssl.SSLSocket:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context.wrap_socket(connect(port))


def tls_handshake(port: int) -> None:
    keep(secure(port))
    time.sleep(QUIET_S)


def tls_kept_alive(port: int) -> None:
    answer_and_keep(secure(port))


def tls_computes(asked_before: int) -> Act:
    def act(port: int) -> Finish:
        connection = secure(port)
        for _ in range(asked_before):
            ask(connection, "/sleep?s=0")
        connection.sendall(head("GET", f"/sleep?s={LONG_S}"))
        time.sleep(QUIET_S)
        return reader(connection)

    return act


# --- WebSocket, RFC 6455 ------------------------------------------------------------------------------------------


def open_socket(port: int) -> socket.socket:
    connection = connect(port)
    key = base64.b64encode(os.urandom(16)).decode()
    fields = ("Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13")
    connection.sendall(head("GET", "/", *fields))
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += receive(connection, 1)
    return connection


def send_frame(connection: socket.socket, kind: int, text: bytes = b"") -> None:
    """Masked with zeros."""
    connection.sendall(struct.pack("!BB4x", 0x80 | kind, 0x80 | len(text)) + text)


def read_message(connection: socket.socket) -> bytes:
    """The next text message. Answers pings."""
    while True:
        kind, length = receive(connection, 1)[0] & 15, receive(connection, 1)[0]
        text = b"".join(receive(connection, 1) for _ in range(length))
        if kind == 1:
            return text
        if kind == 9:
            send_frame(connection, 10, text)


def socket_quiet(port: int) -> None:
    connection = open_socket(port)
    send_frame(connection, 1, b"hello")
    read_message(connection)
    keep(connection)
    time.sleep(QUIET_S)


def socket_computes(port: int) -> Finish:
    connection = open_socket(port)
    send_frame(connection, 1, f"sleep {LONG_S}".encode())
    time.sleep(QUIET_S)

    def finish() -> None:
        read_message(connection)

    return finish


def socket_pinged(port: int) -> None:
    """The server sends pings, and the client answers them, also after the stop signal."""
    connection = open_socket(port)

    def answer() -> None:
        try:
            read_message(connection)
        except OSError:
            connection.close()

    in_background(answer)
    time.sleep(1.5)


def socket_pushes(port: int) -> Finish:
    connection = open_socket(port)
    send_frame(connection, 1, b"push 4")
    time.sleep(0.3)

    def finish() -> None:
        while read_message(connection) != b"done":
            pass

    return finish


def in_background(work: Callable[[], None]) -> None:
    import threading

    threading.Thread(target=work, daemon=True).start()


# --- HTTP/2, with Node.js as the client ---------------------------------------------------------------------------


def http2(what: str, scheme: str) -> Act:
    def act(port: int) -> Finish | None:
        words = ["node", str(HERE / "servers/h2.js"), what, f"{scheme}://127.0.0.1:{port}"]
        client = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        keep(client)
        assert client.stdout
        if client.stdout.readline() != "ready\n":
            raise ConnectionError("the client of HTTP/2 ended")

        def finish() -> None:
            assert client.stdout
            if client.stdout.readline() != "done\n":
                raise ConnectionError("no response")

        return None if what == "idle" else finish

    return act


# --- A pool: HAProxy, whose own port follows that of the server ---------------------------------------------------


def pool_idle(port: int) -> None:
    connections = [connect(port + 1) for _ in range(6)]
    for connection in connections:
        connection.sendall(head("GET", "/sleep?s=0.2"))
    for connection in connections:
        read_response(connection)
    keep(connections)
    time.sleep(QUIET_S)


def pool_computes(port: int) -> Finish:
    pool_idle(port)
    connection = connect(port + 1)
    connection.sendall(head("GET", f"/sleep?s={LONG_S}"))
    time.sleep(QUIET_S)
    return reader(connection)


# --- All ----------------------------------------------------------------------------------------------------------

WAITRESS, GUNICORN, EXPRESS, JAVA, NGINX = "waitress", "gunicorn", "Express", "Java", "nginx"
HTTP = (WAITRESS, GUNICORN, EXPRESS, JAVA, NGINX)
EXPRESS_TLS, NGINX_TLS, NGINX_H2, NODE_H2 = "Express, TLS", "nginx, TLS", "nginx, HTTP/2", "Node.js, HTTP/2"
SOCKETS, SOCKETS_PING = "websockets", "websockets, pings"
POOL, POOL_CHECKS, POOL_FAST_CHECKS = (
    "waitress, pool of HAProxy",
    "waitress, pool with checks each second",
    "waitress, pool with checks each 0.2 s",
)

# Why a verdict is wrong.
STREAM = "a pause of more than 0.5 s in a response"
INTERIM = "the start of a response, then a pause"
PIPELINE = "several requests on a connection"
FIRST_TLS = "data that the server sends after the handshake"
PINGED = "data from the client that needs no response"
GONE = "a response that has no reader"
POLL = "a response that does not come in time"
CHECKS = "requests at intervals of less than 0.5 s"

CASES = [
    Case("no request, the connection is new", HTTP, silent, (STOPS,)),
    Case("the response is complete, the connection is kept alive", HTTP, kept_alive, (STOPS,)),
    Case("a request in work on a new connection", HTTP, computes, (WAITS,)),
    Case("a request in work right after other responses", HTTP, computes_again, (WAITS,)),
    Case("an upload in small pieces", HTTP, uploads(10, 0.2), (WAITS,)),
    Case("an upload with pauses of 1 s", HTTP, uploads(3, 1.0), (WAITS,)),
    Case("half of the head of a request", HTTP, half_a_head, (WAITS,)),
    Case("a client that has closed its sending side", (GUNICORN, JAVA), half_closed, (WAITS,)),
    Case("a client that reads slowly", HTTP, reads_slowly, (WAITS,)),
    Case("a client that does not read for 2 s", HTTP, reads_later, (WAITS,)),
    Case("a chunked response with pauses of 0.1 s", HTTP, streams(24, 0.1), (WAITS,)),
    Case("a file at a limited rate, in small pieces", (NGINX,), limited("/pieces/limited"), (WAITS,)),
    Case("TLS 1.3, no request after the handshake", (EXPRESS_TLS, NGINX_TLS), tls_handshake, (STOPS,)),
    Case("TLS 1.3, kept alive", (EXPRESS_TLS, NGINX_TLS), tls_kept_alive, (STOPS,)),
    Case("TLS 1.3, a request in work after another", (EXPRESS_TLS, NGINX_TLS), tls_computes(1), (WAITS,)),
    Case("WebSocket, quiet", (SOCKETS,), socket_quiet, (STOPS,)),
    Case("WebSocket, a message in work", (SOCKETS,), socket_computes, (WAITS,)),
    Case("a pool of six connections, all idle", (POOL, POOL_CHECKS, POOL_FAST_CHECKS), pool_idle, (STOPS,)),
    Case("a request in work in a pool", (POOL, POOL_CHECKS), pool_computes, (WAITS,)),
    Case("HTTP/2, no request", (NGINX_H2,), http2("idle", "https"), (STOPS,)),
    Case("HTTP/2, no request", (NODE_H2,), http2("idle", "http"), (STOPS,)),
    Case("HTTP/2, one request in work", (NGINX_H2,), http2("computes", "https"), (WAITS,)),
    Case("HTTP/2, one request in work", (NODE_H2,), http2("computes", "http"), (WAITS,)),
    # Known wrong verdicts.
    Case("server-sent events each second", HTTP, streams(4, 1.0), (CUTS,), STREAM),
    Case("a file at a limited rate, in a piece each second", (NGINX,), limited("/limited"), (CUTS,), STREAM),
    Case("WebSocket, the server sends a message each second", (SOCKETS,), socket_pushes, (CUTS,), STREAM),
    Case("two pipelined requests, the second in work", HTTP, pipelines, (CUTS,), PIPELINE),
    Case("the body is late after 100 Continue", (WAITRESS, EXPRESS), expects, (CUTS,), INTERIM),
    Case("a head, and later the body", (EXPRESS,), begun("/head-first"), (CUTS,), INTERIM),
    Case("103 Early Hints, and later the response", (EXPRESS,), begun("/early-hints"), (CUTS,), INTERIM),
    Case("HTTP/2, two requests, one in work", (NGINX_H2,), http2("streams", "https"), (CUTS,), PIPELINE),
    Case("HTTP/2, two requests, one in work", (NODE_H2,), http2("streams", "http"), (CUTS,), PIPELINE),
    Case("HTTP/2, a request in work and a ping", (NGINX_H2,), http2("pings", "https"), (CUTS,), PIPELINE),
    Case("HTTP/2, a request in work and a ping", (NODE_H2,), http2("pings", "http"), (CUTS,), PIPELINE),
    Case("TLS 1.3, the first request in work", (EXPRESS_TLS, NGINX_TLS), tls_computes(0), (CUTS, WAITS), FIRST_TLS),
    Case("WebSocket, the server sends pings", (SOCKETS_PING,), socket_pinged, (HOLDS,), PINGED),
    Case("the client has gone, the app works on", (WAITRESS, GUNICORN, JAVA), gives_up, (HOLDS,), GONE),
    Case("a long poll", (EXPRESS,), long_poll, (HOLDS,), POLL),
    Case("a health check each 0.3 s on a connection that is kept alive", (EXPRESS,), checked, (HOLDS,), CHECKS),
]
