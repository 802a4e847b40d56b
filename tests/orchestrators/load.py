"""Constant load: half of the clients keep their connection, half open one for each request. A request that did not get a
complete 200 counts as failed, by kind. No request is repeated."""

import http.client
import itertools
import threading
import time
from collections import Counter

CLIENTS = 12
TIMEOUT_S = 10.0


class Load:
    """with Load(address, port) as load: ... and then load.complete and load.failed."""

    def __init__(
        self, address: str, port: int, path: str = "/", length: int | None = None, methods: str = "GET"
    ) -> None:
        self.target = (address, port)
        self.path = path
        self.length = length
        self.methods = methods.split()
        self.complete = 0
        self.failed: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.client, args=(n % 2 == 0,), daemon=True) for n in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.failed.most_common())
        return f"{self.complete} requests complete, {self.failed.total()} failed" + (f" ({kinds})" if kinds else "")

    def client(self, keeps: bool) -> None:
        connection = http.client.HTTPConnection(*self.target, timeout=TIMEOUT_S)
        methods = itertools.cycle(self.methods)
        while not self.over.is_set():
            trouble = self.request(connection, next(methods))
            if trouble or not keeps:
                connection.close()
            with self.lock:
                if trouble:
                    self.failed[trouble] += 1
                else:
                    self.complete += 1
            if trouble:
                time.sleep(0.02)  # no flood if there is no response

    def request(self, connection: http.client.HTTPConnection, method: str) -> str:
        """What went wrong, or nothing."""
        try:
            connection.request(method, self.path, b"one=1\n" if method == "POST" else None)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        if answer.status != 200:
            return str(answer.status)
        return "cut" if self.length not in (None, len(body)) else ""
