"""A shop, with Flask. It knows nothing of stopping or draining; its health page is used by some tests only.

Served by waitress and by gunicorn. In START_AFTER, if set, the seconds that it needs before it listens.
"""

import os
import time

import flask

SLOW_S = 0.4
PAGE = "x" * 1000 + "end\n"

time.sleep(float(os.environ.get("START_AFTER", "0")))
app = flask.Flask(__name__)


@app.route("/fast", methods=["GET", "POST"])
def fast():
    flask.request.get_data()
    return PAGE


@app.route("/slow", methods=["GET", "POST"])
def slow():
    flask.request.get_data()
    time.sleep(SLOW_S)
    return PAGE


@app.route("/sleep")
def sleep():
    time.sleep(float(flask.request.args["s"]))
    return PAGE


@app.post("/order")
def order():
    """Executed once it is recorded; the answer takes its time."""
    with open("/records/orders", "a", encoding="ascii") as orders:
        orders.write(flask.request.args["id"] + "\n")
    time.sleep(SLOW_S)
    return PAGE


@app.get("/health")
def health():
    draining = os.path.exists("/run/draining")  # the file of --drain-file
    return ("draining\n", 503) if draining else ("ready\n", 200)
