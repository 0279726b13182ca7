"""Waiting rows are inserted; what the table does not take is found and left out.

First in sets: which rows have a key that is taken, no parent, or a value that a check refuses. Then
all others in one statement. Should that fail for a reason that only the server sees, the rows are
halved, each half behind a savepoint, until those that it does not take are alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.client.faults import shown
from lastgood.drivers.database.postgres.rows.refusals import alone, orphans
from lastgood.errors import RefusedError
from lastgood.model.salvage import Conflict, Hindrance

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg
    from psycopg import Connection
    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.rows.refusals import Refusal
    from lastgood.drivers.database.postgres.rows.staging import Stage
    from lastgood.process.masking import Masker

SHOWN = 100
_LONGEST = 300
# By the first letters of the SQLSTATE: what a row's values bring about, or code that looks at them.
_ROW = ("22", "23", "2F", "38", "39", "44", "P0")
# No matter of rows or tables: a lost connection, a lock, a full disk, a time limit, damage.
_FATAL = ("08", "40", "53", "54", "55", "57", "58", "F0", "XX")
# After so many rows that fail for a reason that is none of theirs, as no other was taken, it is the
# table's.
_STRANGE = 10
_HINDRANCES = {
    "23505": Hindrance.TAKEN,
    "23P01": Hindrance.TAKEN,
    "23503": Hindrance.ORPHAN,
}


@dataclass
class Landed:
    """What became of one table's rows.

    Attributes:
        why: why none of them was taken; empty otherwise.
        said: what people should know beside.
        left: how many were left out.
    """

    stage: Stage
    conflicts: list[Conflict] = field(default_factory=list)
    why: str = ""
    said: str = ""
    brought: int = 0
    left: int = 0


class Landing:
    """Inserts waiting rows, in the transaction of the connection, until a time is over.

    Args:
        until: by the monotonic clock.
    """

    def __init__(self, connection: Connection[Any], masker: Masker, until: float) -> None:
        self._connection = connection
        self._masker = masker
        self._until = until

    def land(self, stages: Sequence[Stage]) -> list[Landed]:
        """Write the rows of tables that refer to each other in a circle, or of one table.

        Where rows are changed, too, nobody can say beforehand which values are taken: one row may
        get what another one gives up.
        """
        landed = [Landed(stage) for stage in stages]
        self._sift(landed)
        error = self._tried([self._all(landed)])
        if error is not None:
            self._piecemeal(landed, again=_circular(stages) or _mixed(stages))
        for one in landed:
            self._settle(one, all_taken=error is None)
        return landed

    def _sift(self, landed: list[Landed]) -> None:
        """Let go of the rows that cannot be taken, and of those that refer to them."""
        new = [one for one in landed if one.stage.inserts]
        together = {one.stage.place.relation.sql: one.stage for one in new}
        if len(new) == len(landed):
            for one in new:
                for refusal in alone(one.stage):
                    self._let_go(one, refusal)
        while sum(
            self._let_go(one, refusal) for one in new for refusal in orphans(one.stage, together)
        ):
            pass  # whose parents were let go of has none now

    def _let_go(self, one: Landed, refusal: Refusal) -> int:
        """Remove what a refusal names; gives how many rows that were."""
        from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

        stage = one.stage
        room = SHOWN - len(one.conflicts)
        removed = sql.SQL(
            "WITH gone AS (DELETE FROM {table} WHERE n IN ({numbers}) RETURNING n, {key} AS key) "
            "SELECT (SELECT pg_catalog.count(*) FROM gone), "
            "(SELECT pg_catalog.jsonb_agg(g.key ORDER BY g.n) FROM "
            "(SELECT gone.n, gone.key FROM gone ORDER BY gone.n LIMIT {room}) g)"
        ).format(table=stage.table, numbers=refusal.numbers, key=stage.key, room=sql.Literal(room))
        found: list[Any] = []
        # A condition that cannot be asked of rows that wait is asked by the server later.
        if self._tried([removed], found) is not None or not found[0]:
            return 0
        count, keys = found[0]
        one.conflicts.extend(self._conflict(one, key, refusal.why, refusal.said)
                             for key in keys or ())  # fmt: skip
        one.left += int(count)
        return int(count)

    def _all(self, landed: list[Landed]) -> Composed:
        """One statement for all of them: its foreign keys are looked at when it is over."""
        from psycopg import sql  # noqa: PLC0415 - see above

        first, *others = [one.stage.write() for one in landed]
        if not others:
            return first
        named = [
            sql.SQL("lg{} AS ({})").format(sql.SQL(str(at)), statement)
            for at, statement in enumerate(others)
        ]
        return sql.SQL("WITH {} {}").format(sql.SQL(", ").join(named), first)

    def _piecemeal(self, landed: list[Landed], *, again: bool) -> None:
        """Insert what can be; again and again where rows may wait for others among them."""
        sifted = [list(one.conflicts) for one in landed]
        more = True
        while more:
            more = False
            for one, known in zip(landed, sifted, strict=True):
                one.conflicts[:] = known
                more |= self._halved(one) and again

    def _halved(self, one: Landed) -> bool:
        """Insert all rows that the table takes by themselves; gives whether there were any."""
        from psycopg import sql  # noqa: PLC0415 - see above

        stage, any_taken, strange = one.stage, False, 0
        row = self._connection.execute(
            sql.SQL("SELECT pg_catalog.min(n), pg_catalog.max(n) FROM {} WHERE NOT done").format(
                stage.table
            )
        ).fetchone()
        spans = [row] if row and row[0] is not None and not one.why else []
        while spans:
            low, high = spans.pop()
            within = sql.SQL("BETWEEN {} AND {}").format(sql.Literal(low), sql.Literal(high))
            write = stage.write(low, high)
            done = sql.SQL("UPDATE {} SET done = true WHERE NOT done AND n {} RETURNING n").format(
                stage.table, within
            )
            taken: list[Any] = []
            error = self._tried([write, done], taken)
            if error is None:
                any_taken |= bool(taken[0])
            elif low == high:
                strange += not (error.sqlstate or "").startswith(_ROW)
                if strange == _STRANGE and not any_taken:
                    one.why = self._words(error)
                    return False
                self._refused(one, low, error)
            else:
                middle = (low + high) // 2
                spans += [(middle + 1, high), (low, middle)]
        return any_taken

    def _refused(self, one: Landed, number: int, error: psycopg.Error) -> None:
        from psycopg import sql  # noqa: PLC0415 - see above

        if len(one.conflicts) >= SHOWN:
            return
        row = self._connection.execute(
            sql.SQL("SELECT {} FROM {} WHERE n = {}").format(
                one.stage.key, one.stage.table, sql.Literal(number)
            )
        ).fetchone()
        why = _HINDRANCES.get(error.sqlstate or "", Hindrance.REFUSED)
        named = error.diag.constraint_name if why is not Hindrance.REFUSED else None
        said = named or self._words(error)
        one.conflicts.append(self._conflict(one, row[0] if row else (), why, said))

    def _settle(self, one: Landed, *, all_taken: bool) -> None:
        """Leave only what was inserted in the temporary table."""
        from psycopg import sql  # noqa: PLC0415 - see above

        if not all_taken:
            gone = sql.SQL("DELETE FROM {} WHERE NOT done").format(one.stage.table)
            one.left += self._connection.execute(gone).rowcount
        counted = sql.SQL("SELECT pg_catalog.count(*) FROM {}").format(one.stage.table)
        row = self._connection.execute(counted).fetchone()
        one.brought = int(row[0]) if row else 0
        if one.why and one.brought:
            one.said, one.why = f"not all of it: {one.why}", ""

    def _tried(
        self, statements: Sequence[Composed], rows: list[Any] | None = None
    ) -> psycopg.Error | None:
        """Run statements behind a savepoint; gives what a table or a row has against them.

        The first row of the last one's answer is put into `rows`.
        """
        import psycopg  # noqa: PLC0415 - see above

        if time.monotonic() > self._until:
            raise RefusedError(
                "the rows could not be brought in time; nothing was changed",
                cause="it would have kept others waiting for too long",
                mend="try again when there is less going on, or raise `salvage_limit`",
                code="salvage-too-long",
                retryable=True,
            )
        try:
            with self._connection.transaction():
                for statement in statements:
                    answer = self._connection.execute(statement)
                if rows is not None:
                    rows.append(answer.fetchone())
        except psycopg.Error as error:
            if error.sqlstate is None or error.sqlstate.startswith(_FATAL):
                raise
            return error
        return None

    def _conflict(self, one: Landed, key: Sequence[str], why: Hindrance, said: str) -> Conflict:
        values = zip(one.stage.place.key, key, strict=False)
        return Conflict(
            key={self._shown(name): self._shown(value) for name, value in values},
            why=why,
            said=self._shown(said),
        )

    def _words(self, error: psycopg.Error) -> str:
        # Without the details: they show the whole row.
        return self._shown(error.diag.message_primary or str(error))

    def _shown(self, text: str) -> str:
        return shown(text, self._masker, _LONGEST)


def _mixed(stages: Sequence[Stage]) -> bool:
    """Whether rows that are there are changed."""
    return not all(stage.inserts for stage in stages)


def _circular(stages: Sequence[Stage]) -> bool:
    """Whether rows may refer to others that are inserted with them."""
    names = {stage.place.relation.sql for stage in stages}
    return any(one.root in names for stage in stages for one in stage.place.references)
