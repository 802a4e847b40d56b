#!/usr/bin/python3
"""Load on /SECONDS of app.py, with the connections of tests/drain/client.py: half of each kind are kept alive.

    traffic.py PORT SECONDS*CONNECTIONS...

Exits on SIGTERM, when the requests under way have ended, and then prints Counts as a JSON object.
"""

import itertools
import json
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "drain"))

from client import TICK_S, Connection, Tally, use  # noqa: E402


def main() -> None:
    port = int(sys.argv[1])
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    tally = Tally()
    threads = []
    for kind in sys.argv[2:]:
        seconds, _, count = kind.partition("*")
        for n in range(int(count)):
            requests = itertools.cycle([("GET", f"/{seconds}"), ("POST", f"/{seconds}")])
            connection = Connection(port, keep_alive=n % 2 == 0)
            threads.append(threading.Thread(target=use, args=(connection, requests, tally, stopped)))
    for thread in threads:
        stopped.wait(TICK_S / len(threads))  # not all at the same moment
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(asdict(tally.counts())))


if __name__ == "__main__":
    main()
