"""An app on waitress: /N is answered after N seconds. SIGTERM ends it immediately, in the middle of a request.

Many apps have such a handler. An app without one that is PID 1 ignores SIGTERM, and is killed after the grace period.
/sick and /well set what /health answers.
"""

import os
import signal
import time

import waitress

health = "200 OK"


def app(environ, start_response):
    global health
    page, status = environ["PATH_INFO"].lstrip("/"), "200 OK"
    if page in ("sick", "well"):
        health = "200 OK" if page == "well" else "500 Sick"
    elif page == "health":
        status = health
    else:
        time.sleep(float(page or 0))
    start_response(status, [("Content-Type", "text/plain")])
    return [b"x" * 1000 + b"end\n"]


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
waitress.serve(app, listen="*:8080", threads=40, channel_timeout=600)
