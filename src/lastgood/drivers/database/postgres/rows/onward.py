"""Sequences are moved past the numbers of rows that were brought, so that none is given twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import Connection

    from lastgood.drivers.database.postgres.rows.staging import Stage

# Sequences that belong to a column, or that its default takes its value from.
_SEQUENCES = """
    WITH feeds AS (
        SELECT d.objid AS sequence, d.refobjsubid AS number FROM pg_catalog.pg_depend d
         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refobjid = %(table)s::pg_catalog.regclass AND d.deptype IN ('a', 'i')
        UNION
        SELECT d.refobjid, f.adnum FROM pg_catalog.pg_attrdef f
          JOIN pg_catalog.pg_depend d ON d.objid = f.oid
           AND d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
         WHERE f.adrelid = %(table)s::pg_catalog.regclass)
    SELECT feeds.sequence::pg_catalog.regclass::text, a.attname, s.seqincrement, s.seqmin, s.seqmax
      FROM feeds JOIN pg_catalog.pg_sequence s ON s.seqrelid = feeds.sequence
           JOIN pg_catalog.pg_attribute a
             ON a.attrelid = %(table)s::pg_catalog.regclass AND a.attnum = feeds.number
           JOIN pg_catalog.pg_type t ON t.oid = a.atttypid AND t.typcategory = 'N'
     ORDER BY 1, a.attnum"""
# So few are taken one by one: others may take theirs at the same moment, and nothing goes back.
_FEW = 1_000


class Move(NamedTuple):
    """A sequence that must go on.

    Attributes:
        sequence: its name as SQL writes it.
        last: the number that is given last afterwards.
        missing: how many numbers lie between.
    """

    sequence: str
    last: int
    step: int
    missing: int

    @property
    def next(self) -> int:
        """The number that it gives next then."""
        return self.last + self.step


def behind(connection: Connection[Any], stage: Stage) -> list[Move]:
    """The sequences that would give a number again that a brought row has."""
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    table = {"table": stage.place.relation.sql}
    brought = {column.name for column in stage.place.columns}
    moves = list[Move]()
    for name, column, step, low, high in connection.execute(_SEQUENCES, table).fetchall():
        if column not in brought:
            continue
        most = sql.SQL("max" if step > 0 else "min")
        row = connection.execute(
            sql.SQL(
                "SELECT (SELECT pg_catalog.{}({})::pg_catalog.numeric FROM {} AS lg), "
                "last_value, is_called FROM {}"
            ).format(most, stage.column(column), stage.table, sql.SQL(name))
        ).fetchone()
        if row is None or row[0] is None:
            continue
        number, last, called = int(row[0]), row[1], row[2]
        following = last + step if called else last
        if low <= number <= high and (number - following) * step >= 0:
            # At least the next one that it gives is past the number, whatever its steps meet.
            missing = (number - following) // step + 1
            moves.append(Move(name, following + (missing - 1) * step, step, missing))
    return moves


def furthest(connection: Connection[Any], stages: Iterable[Stage]) -> list[Move]:
    """Of each sequence that is behind, the longest way that it must go."""
    moves = dict[str, Move]()
    for stage in stages:
        for found in behind(connection, stage):
            known = moves.get(found.sequence)
            if known is None or found.missing > known.missing:
                moves[found.sequence] = found
    return [moves[name] for name in sorted(moves)]


def move(connection: Connection[Any], moves: list[Move]) -> None:
    """Move them on. It stays so, even if the transaction is taken back."""
    for one in moves:
        if one.missing <= _FEW:
            connection.execute(
                "SELECT pg_catalog.count(pg_catalog.nextval(%s::pg_catalog.regclass)) "
                "FROM pg_catalog.generate_series(1, %s)",
                (one.sequence, one.missing),
            )
        else:
            connection.execute(
                "SELECT pg_catalog.setval(%s::pg_catalog.regclass, %s)", (one.sequence, one.last)
            )
