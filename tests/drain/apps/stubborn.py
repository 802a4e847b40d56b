"""A shop that ignores SIGTERM, in plain Python."""

import http.server
import signal
import time
import urllib.parse

SLOW_S = 0.4
PAGE = b"x" * 1000 + b"end\n"


class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # the head and the body in one write

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/order":
            self.record(urllib.parse.parse_qs(url.query)["id"][0])
        if url.path in ("/order", "/slow"):
            time.sleep(SLOW_S)
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    do_POST = do_GET

    def record(self, order: str) -> None:
        with open("/records/orders", "a", encoding="ascii") as orders:
            orders.write(order + "\n")

    def log_message(self, *_) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


signal.signal(signal.SIGTERM, signal.SIG_IGN)
Server(("", 8000), Shop).serve_forever()
