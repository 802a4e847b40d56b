"""A WSGI app without a framework, for waitress and gunicorn. The paths are those of every server here."""

import time
from urllib.parse import parse_qs

BIG = 8 << 20


def app(environ, start_response):
    path = environ["PATH_INFO"]
    words = {key: float(values[0]) for key, values in parse_qs(environ["QUERY_STRING"]).items()}
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return stream(int(words["n"]), words["pause"])
    body = b"ok\n"
    if path == "/big":
        body = b"x" * BIG
    elif path == "/upload":
        while environ["wsgi.input"].read(4096):
            pass
    time.sleep(words.get("s", 0))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


def stream(count, pause):
    for number in range(count):
        time.sleep(pause if number else 0)
        yield b"data: %d\n\n" % number
