"""What of a database would be lost if a closed copy took its place, table by table."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.loss.both import Both, given_up, snapshots
from lastgood.drivers.database.postgres.loss.differing import (
    Only,
    counted,
    differing_buckets,
    source,
)
from lastgood.drivers.database.postgres.loss.pairing import pairs
from lastgood.drivers.database.postgres.migration.reshaped import reshaped
from lastgood.model.loss import Loss, Precision, TableLoss
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Collection

    import psycopg
    from psycopg import Connection

    from lastgood.drivers.database.postgres.catalog.tables import Relation
    from lastgood.drivers.database.postgres.loss.differing import Buckets
    from lastgood.drivers.database.postgres.loss.pairing import Pair, Table

# What the lists of tables may take, however little time the rows have.
_CATALOG_S = 60.0
# When a server that ends nothing by itself is taken for lost.
_GRACE_S = 3 * _CATALOG_S
_LONGEST_WHY = 300


class _OverError(Exception):
    """The time for all tables is over."""


def compare(
    live: Connection[Any],
    copy: Connection[Any],
    only: Collection[Relation] | None,
    longest_s: float,
) -> Loss:
    """Count what would vanish, come back and change.

    The connections must be in autocommit and idle. Their settings stay changed afterwards.

    Args:
        live: to the live database.
        copy: to the closed one.
        only: these tables, and nothing of the schema; None for all of either side.
        longest_s: how long the rows may be looked at; what takes longer is estimated.

    Raises:
        psycopg.Error: a connection was lost, or the lists of tables cannot be read.
    """
    until = time.monotonic() + longest_s
    with given_up(live, copy, longest_s + _GRACE_S), snapshots(live, copy) as both:
        both.limit(_CATALOG_S)
        at = live.execute("SELECT pg_catalog.statement_timestamp()").fetchone()
        found = pairs(both, only)
        # The small ones first: what there is no time for is as little as it can be.
        looked = [_lost(both, pair, until) for pair in sorted(found, key=lambda pair: pair.bytes)]
        both.limit(_CATALOG_S)
        lines = reshaped(both, found, until) if only is None else ()
    if at is None:  # a SELECT without FROM has one row
        raise AssertionError
    return Loss(at=at[0], tables=tuple(sorted(looked, key=lambda one: one.table)), shape=lines)


def _lost(both: Both, pair: Pair, until: float) -> TableLoss:
    """What becomes of one table; never an error of its own."""
    import psycopg  # noqa: PLC0415 - a quarter of a second, for those who need it

    looked = _Look(both, pair, until)
    try:
        with both.undone():
            return looked.exactly()
    except _OverError:
        return looked.about("there was no time left for it")
    except (psycopg.errors.QueryCanceled, psycopg.errors.LockNotAvailable) as error:
        return looked.about(f"it took too long: {_said(error)}")
    except psycopg.Error as error:
        if both.lost:
            raise
        return looked.about(_said(error), anything=False)


class _Look:
    """One table, as far as it was looked at."""

    def __init__(self, both: Both, pair: Pair, until: float) -> None:
        self._both = both
        self._pair = pair
        self._until = until
        self._buckets: Buckets | None = None

    def exactly(self) -> TableLoss:
        """Every number of it."""
        live, copy = self._pair.live, self._pair.copy
        if live is None or copy is None:
            return self._one_sided()
        self._alive()
        self._buckets = differing_buckets(self._both, self._pair)
        self._alive()
        found = counted(self._both, self._pair, self._buckets, self._alive)
        return self._told(
            *self._buckets.rows,
            vanishing=found.get(Only.LIVE, 0),
            returning=found.get(Only.COPY, 0),
            changing=found.get(Only.CHANGED, 0),
        )

    def about(self, why: str, *, anything: bool = True) -> TableLoss:
        """What can be said without having read it all."""
        why = why[:_LONGEST_WHY]
        if self._buckets is not None:
            # The rows were counted; a bucket's rows that came and went are not seen.
            return self._told(
                *self._buckets.rows,
                vanishing=sum(max(0, a - b) for a, b in self._buckets.differing.values()),
                returning=sum(max(0, b - a) for a, b in self._buckets.differing.values()),
                changing=0 if not self._pair.key else None,
                precision=Precision.ESTIMATED,
                why=f"at least so many: {why}",
                at_least=True,
            )
        live, copy = (_rows(table) for table in (self._pair.live, self._pair.copy))
        if not anything or live is None or copy is None:
            return self._told(
                None, None, vanishing=None, returning=None, changing=None,
                precision=Precision.UNKNOWN, why=why,
            )  # fmt: skip
        return self._told(
            live if self._pair.live else None,
            copy if self._pair.copy else None,
            vanishing=max(0, live - copy),
            returning=max(0, copy - live),
            changing=None if self._pair.live and self._pair.copy else 0,
            precision=Precision.ESTIMATED,
            why=f"by how many rows the server thinks there are: {why}",
            at_least=True,
        )

    def _one_sided(self) -> TableLoss:
        """A table that one side has: all of its rows go, or come back."""
        from psycopg import sql  # noqa: PLC0415 - see above

        self._alive()
        here = self._both.copy if self._pair.live is None else self._both.live
        rows = sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(
            source(self._pair.relation, partitioned=self._pair.partitioned)
        )
        row = here.execute(rows).fetchone()
        count = row[0] if row else 0
        if self._pair.live is None:
            return self._told(None, count, vanishing=0, returning=count, changing=0)
        return self._told(count, None, vanishing=count, returning=0, changing=0)

    def _alive(self) -> None:
        """Give the next statements the time that is left."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise _OverError
        self._both.limit(left)

    def _told(
        self,
        live: int | None,
        copy: int | None,
        *,
        vanishing: int | None,
        returning: int | None,
        changing: int | None,
        precision: Precision = Precision.EXACT,
        why: str = "",
        at_least: bool = False,
    ) -> TableLoss:
        return TableLoss(
            table=self._pair.relation.sql,
            live_rows=live,
            restored_rows=copy,
            vanishing=vanishing,
            returning=returning,
            changing=changing,
            precision=precision,
            why=why,
            at_least=at_least,
        )


def _rows(table: Table | None) -> int | None:
    """How many rows a table has, about; none, where it is not there."""
    return 0 if table is None else table.rows


def _said(error: psycopg.Error) -> str:
    return harmless(error.diag.message_primary or str(error)).strip()
