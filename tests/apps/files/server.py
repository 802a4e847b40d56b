"""Listens on ./sock and answers /slow in 5 s, as server.js. Takes SIGTERM with sigwait(3), and a second one ends it."""
import os
import signal
import socketserver
import threading
import time


class Request(socketserver.StreamRequestHandler):
    def handle(self):
        path = self.rfile.readline().split()[1]
        self.wfile.write(b"HTTP/1.0 200 OK\r\n\r\nbegin\n")
        time.sleep(5 if path == b"/slow" else 0)
        self.wfile.write(b"end\n")


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = False  # server_close() waits for them


def finish(server):
    server.shutdown()
    server.server_close()
    with open("saved", "w") as file:
        file.write("1 served\n")
    os._exit(0)


signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
server = Server("sock", Request)
threading.Thread(target=server.serve_forever, daemon=True).start()
signal.sigwait([signal.SIGTERM])
open("stopping", "w").close()
threading.Thread(target=finish, args=[server]).start()
signal.sigwait([signal.SIGTERM])
os._exit(1)
