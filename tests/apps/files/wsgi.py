"""Answers /slow in 5 s."""
import time


def answer(path):
    yield b"begin\n"
    if path == "/slow":
        time.sleep(5)
    yield b"end\n"


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return answer(environ["PATH_INFO"])
