#!/usr/bin/env python3
"""Constant load at a limited rate, and a count of failed requests.

    client.py PORT ORDERS_PORT     the mix of requests, and orders
    client.py PORT --lengths SEED  requests of random lengths, and no orders

Exits on SIGTERM, and then prints one JSON object: for "requests" (to PORT) and "orders" (to ORDERS_PORT) how many there
were, how many failed and how, and how long the successful ones took. A request is successful if it is answered 200 with
the whole body. No request is repeated: that is the task of the load balancer.

A busy machine makes it slower, but it does not skip requests: each connection begins its next request at the planned
time or when the last one has ended, whichever is later.
"""

import collections
import http.client
import itertools
import json
import random
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field

TICK_S = 0.4  # each connection begins a request that often; a slow one takes all of that, see apps/
TIMEOUT_S = 15.0
KEPT_ALIVE = 10  # connections that are used again
ONE_SHOT = 10  # and with one connection per request
ORDERS = 6  # half of them kept alive
MIX = [("GET", "/slow"), ("POST", "/slow"), ("GET", "/slow"), ("POST", "/fast"), ("POST", "/slow"), ("GET", "/fast")]
SHORTEST_S, LONGEST_S, SHAPE = 0.05, 10.0, 0.6  # random lengths: a bounded Pareto distribution
LENGTHS = 15  # connections with them, two of three kept alive
LENGTHS_TICK_S = 2.0  # the same as TICK_S; a request that is longer takes all of its time
Request = tuple[str, str]  # method and path
FORM = b"coffee=1&size=large\n"
LAST_LINE = b"end\n"  # of every good body


@dataclass(frozen=True)
class Counts:
    """The results of the requests to one port."""

    requests: int
    failed: dict[str, int]  # how many by kind, the most frequent first
    p50_ms: int  # of the good ones
    p99_ms: int
    max_ms: int

    @property
    def failures(self) -> int:
        return sum(self.failed.values())


@dataclass
class Tally:
    """The results until now."""

    good_s: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def counts(self) -> Counts:
        times = sorted(self.good_s)
        failed = dict(collections.Counter(self.failed).most_common())
        p50_ms, p99_ms, max_ms = (round(1000 * percentile(times, percent)) for percent in (50, 99, 100))
        return Counts(len(times) + len(self.failed), failed, p50_ms, p99_ms, max_ms)


def percentile(times: list[float], percent: int) -> float:
    """The smallest of sorted times that this percentage does not exceed."""
    return times[max(0, -(-len(times) * percent // 100) - 1)] if times else 0.0


class Connection:
    """A client that sends requests continuously."""

    def __init__(self, port: int, keep_alive: bool):
        self.keep_alive = keep_alive
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)

    def ask(self, method: str, path: str) -> str:
        """Returns the kind of the failure, or ""."""
        try:
            return self.exchange(method, path)
        except TimeoutError:
            return "timeout"
        except ConnectionRefusedError:
            return "refused"
        except http.client.RemoteDisconnected:  # a reset, as Python sees it, so it comes first
            return "closed"
        except (ConnectionResetError, BrokenPipeError):
            return "reset"
        except http.client.IncompleteRead:
            return "short"
        except http.client.HTTPException as error:
            return type(error).__name__

    def exchange(self, method: str, path: str) -> str:
        body = FORM if method == "POST" else None
        self.http.request(method, path, body, {} if self.keep_alive else {"Connection": "close"})
        answer = self.http.getresponse()
        text = answer.read()
        if answer.status != 200:
            return str(answer.status)
        return "" if text.endswith(LAST_LINE) else "short"

    def close(self) -> None:
        self.http.close()


def use(
    connection: Connection, requests: Iterable[Request], tally: Tally, stopped: threading.Event, tick_s: float = TICK_S
) -> None:
    """Sends requests until `stopped`. Threads share only lists, and list.append() is thread-safe."""
    due = time.monotonic()
    for method, path in requests:
        if stopped.wait(max(0.0, due - time.monotonic())):
            break
        begun = time.monotonic()
        trouble = connection.ask(method, path)
        if trouble:
            tally.failed.append(trouble)
        else:
            tally.good_s.append(time.monotonic() - begun)
        if trouble or not connection.keep_alive:
            connection.close()
        due = max(due + tick_s, time.monotonic())
    connection.close()


def visits(number: int) -> Iterator[Request]:
    """Repeats the mix of requests forever. Each connection starts at another position."""
    return itertools.islice(itertools.cycle(MIX), number, None)


def orders(number: int) -> Iterator[Request]:
    """Orders with unique IDs."""
    return (("POST", f"/order?id={number}-{count}") for count in itertools.count())


def lengths(number: int, seed: str) -> Iterator[Request]:
    chance = random.Random(f"{seed} {number}")
    while True:
        yield "GET", f"/sleep?s={length(chance):.3f}"


def length(chance: random.Random) -> float:
    """A random length, by the inverse of the distribution function."""
    low, high = SHORTEST_S**-SHAPE, LONGEST_S**-SHAPE
    return (low - chance.random() * (low - high)) ** (-1 / SHAPE)


def main() -> None:
    port = int(sys.argv[1])
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C also reaches the parent, which kills this process
    asked, ordered = Tally(), Tally()
    if sys.argv[2] == "--lengths":
        tick_s, seed = LENGTHS_TICK_S, sys.argv[3]
        users = [(Connection(port, n % 3 > 0), lengths(n, seed), asked) for n in range(LENGTHS)]
    else:
        tick_s, orders_port = TICK_S, int(sys.argv[2])
        users = [(Connection(port, n < KEPT_ALIVE), visits(n), asked) for n in range(KEPT_ALIVE + ONE_SHOT)]
        users += [(Connection(orders_port, n % 2 == 0), orders(n), ordered) for n in range(ORDERS)]
    threads = [threading.Thread(target=use, args=(*user, stopped, tick_s)) for user in users]
    for number, thread in enumerate(threads):
        stopped.wait(tick_s / len(threads) if number else 0)  # not all at the same moment
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"requests": asdict(asked.counts()), "orders": asdict(ordered.counts())}))


if __name__ == "__main__":
    main()
