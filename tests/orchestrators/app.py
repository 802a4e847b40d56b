"""An app without a shutdown handler. An answer takes 0.2 s, and SIGTERM ends the app immediately."""

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER_S = 0.2


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # keep-alive

    def do_GET(self) -> None:
        time.sleep(ANSWER_S)
        body = b"done\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_) -> None:
        pass  # a connection that was kept alive and is reset


Server(("", 8080), Handler).serve_forever()
