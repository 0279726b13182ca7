"""The loss preview of a real table: against one sequential scan of each side.

    python -m bench loss

Three million rows with four thousand differences; the scan hashes each row, one side after the
other, as the fingerprint of a backup does.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import psycopg
from bench.table import Row
from tests.servers import running

from lastgood.demo.database import _programs
from lastgood.drivers.database.postgres.loss.losing import compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

ROWS, SMALL = 3_000_000, 300_000
PATIENCE_S = 3600.0
TABLE = """
    CREATE TABLE trades (id bigint, owner bigint, symbol text, amount numeric, at timestamptz);
    INSERT INTO trades SELECT n, n * 7919 % 300000 + 1, substr(md5((n % 500)::text), 1, 6),
           (n * 31 % 1000000) / 100.0, timestamptz '2026-01-01' + n * interval '1 ms'
      FROM generate_series(1::bigint, {rows}) n;
    ALTER TABLE trades ADD PRIMARY KEY (id);
"""
EDITS = (
    "UPDATE trades SET amount = amount + 1 WHERE id % ({rows} / 3000) = 7",
    "DELETE FROM trades WHERE id <= 1000",
)
SCAN = "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM public.trades t"


def rows(count: int = ROWS) -> Iterator[Row]:
    """One line: the preview of a changed table."""
    with running(_programs(), shared_buffers="128MB") as server:
        server.execute("CREATE DATABASE live")
        server.execute(TABLE.format(rows=count), "VACUUM ANALYZE", name="live")
        server.execute("CREATE DATABASE copy TEMPLATE live")
        edits = [edit.format(rows=count) for edit in EDITS]
        server.execute(*edits, "VACUUM ANALYZE", "CHECKPOINT", name="live")
        with server.superuser("live") as live, server.superuser("copy") as copy:

            def scan() -> None:
                for side in (live, copy):
                    side.execute(SCAN).fetchall()

            # Before and after ours: whoever reads first warms the caches for the other.
            scanned = _seconds(scan)
            own = _seconds(lambda: _compared(live, copy))
            scanned = min(scanned, _seconds(scan))
    what = f"loss preview, {count / 1e6:.1g} million rows, 4000 differ"
    yield Row(what, own, "one scan of each side", scanned)


def _compared(live: Connection[Any], copy: Connection[Any]) -> None:
    if not compare(live, copy, None, PATIENCE_S).complete:
        raise psycopg.DataError


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
