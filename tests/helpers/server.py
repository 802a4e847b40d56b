#!/usr/bin/env python3
"""An HTTP/1.1 server that answers on a signal: server.py [late] PORT...

Prints "ready", "request" for each request that it has read, and "got TERM". On SIGUSR1 it answers all requests. On SIGTERM
it exits immediately, and all requests are lost; with "late" it exits 300 ms later.
"""
import os
import selectors
import signal
import socket
import sys

SELECTOR = selectors.DefaultSelector()
HEADS = {}  # of each connection: what has arrived of the head of its request
WAITING = []


def log(text):
    os.write(1, (text + "\n").encode())


def accept(listener):
    connection, _ = listener.accept()
    SELECTOR.register(connection, selectors.EVENT_READ, read)


def read(connection):
    data = connection.recv(65536)
    head = HEADS.pop(connection, b"") + data
    if not data:
        SELECTOR.unregister(connection)
        connection.close()
    elif head.endswith(b"\r\n\r\n"):
        WAITING.append(connection)
        log("request")
    else:
        HEADS[connection] = head


def answer():
    while WAITING:
        WAITING.pop().sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
    log("answered")


def main(words):
    late = words[:1] == ["late"]
    signals, wakeup = socket.socketpair()
    wakeup.setblocking(False)
    signal.set_wakeup_fd(wakeup.fileno())
    for signo in (signal.SIGUSR1, signal.SIGTERM):
        signal.signal(signo, lambda *_: None)
    SELECTOR.register(signals, selectors.EVENT_READ, None)
    for port in words[late:]:
        listener = socket.create_server(("127.0.0.1", int(port)), backlog=64)
        SELECTOR.register(listener, selectors.EVENT_READ, accept)
    log("ready")
    while True:
        for key, _ in SELECTOR.select():
            if key.data is not None:
                key.data(key.fileobj)
                continue
            for signo in signals.recv(64):
                if signo == signal.SIGUSR1:
                    answer()
                    continue
                log("got TERM")
                if late:
                    signal.signal(signal.SIGALRM, lambda *_: os._exit(0))
                    signal.setitimer(signal.ITIMER_REAL, 0.3)
                else:
                    os._exit(0)


main(sys.argv[1:])
