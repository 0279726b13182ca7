"""Rows that only the live database has: were they in it when it took the other one's place?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.loss.differing import source
from lastgood.drivers.database.postgres.rows.staging import among, key_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from lastgood.drivers.database.postgres.loss.pairing import Pair

# The rename wrote the database's own row: what is older than that was restored with it. Someone who
# alters the database later makes the row younger, and more rows seem to be older than the swap.
BEFORE = """pg_catalog.age(lg.xmin) > (
    SELECT pg_catalog.age(d.xmin) FROM pg_catalog.pg_database d
     WHERE d.datname = pg_catalog.current_database())"""
_MADE = """
    SELECT d.oid::pg_catalog.int8 FROM pg_catalog.pg_database d
     WHERE d.datname = pg_catalog.current_database()"""


def is_restored(live: Connection[Any], copy: Connection[Any]) -> bool:
    """Whether the live database is the restored one: after an undo it is the first one again.

    The server numbers databases as they are made.
    """
    ours, theirs = (side.execute(_MADE).fetchone() for side in (live, copy))
    return bool(ours and theirs and ours[0] > theirs[0])


def before_swap(
    live: Connection[Any], pair: Pair, keys: Sequence[tuple[str, ...]]
) -> list[tuple[str, ...]]:
    """Those of the keys whose rows are as they were when the live database was swapped in."""
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    query = sql.SQL("SELECT {} FROM {} AS lg WHERE {} AND {}").format(
        key_texts(pair),
        source(pair.relation, partitioned=pair.partitioned),
        among(live, pair, keys),
        sql.SQL(BEFORE),
    )
    return [tuple(key) for (key,) in live.execute(query)]
