"""Busy clients that connect again when they are cut off: prints what they met, as JSON.

python bench/clients.py DSN reads|writes

They read rows of the largest table, or write them. `busy` is printed when each has been answered;
a line that is read marks the begin of what is measured, the end of the input is its end.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import suppress
from itertools import pairwise

import psycopg

COUNT = 12
PATIENCE_S = 30
LOOK_S = 0.01
# Rows of the largest table, anywhere in it.
WORK = {
    "reads": "SELECT abalance FROM pgbench_accounts WHERE aid = "
    "(SELECT 1 + floor(random() * max(aid))::int FROM pgbench_accounts)",
    "writes": "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = "
    "(SELECT 1 + floor(random() * max(aid))::int FROM pgbench_accounts)",
}


class Client(threading.Thread):
    """One client, until `over` is set."""

    def __init__(self, dsn: str, work: str, over: threading.Event) -> None:
        super().__init__(daemon=True)
        self._dsn = dsn
        self._work = WORK[work].encode()
        self._over = over
        self.answered = list[float]()
        self.cut_off = list[float]()

    def run(self) -> None:
        """Ask, and connect again at once."""
        while not self._over.is_set():
            try:
                self._ask()
            except psycopg.Error:
                self.cut_off.append(time.monotonic())

    def _ask(self) -> None:
        with psycopg.connect(self._dsn, autocommit=True, connect_timeout=PATIENCE_S) as connection:
            while not self._over.is_set():
                connection.execute(self._work)
                self.answered.append(time.monotonic())


def main(dsn: str, work: str) -> None:
    """Work until the input ends."""
    over = threading.Event()
    clients = [Client(dsn, work, over) for _ in range(COUNT)]
    for client in clients:
        client.start()
    while not all(client.answered for client in clients):
        time.sleep(LOOK_S)
    begun = time.monotonic()
    print("busy", flush=True)
    sys.stdin.readline()
    marked = time.monotonic()
    sys.stdin.read()
    ended = time.monotonic()
    over.set()
    for client in clients:
        client.join(PATIENCE_S)
    answered = sorted(at for client in clients for at in client.answered)
    found = {
        "calm_s": _longest_gap([at for at in answered if begun <= at <= marked]),
        "gap_s": _longest_gap([marked, *(at for at in answered if marked < at <= ended), ended]),
        "errors": [sum(at >= marked for at in client.cut_off) for client in clients],
    }
    with suppress(BrokenPipeError):
        print(json.dumps(found), flush=True)


def _longest_gap(times: list[float]) -> float:
    return max((later - one for one, later in pairwise(times)), default=0.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
