"""Rows of the live database get the content that a copy has, in one transaction.

What is not as in the copy is sought and fetched first, without a lock that anybody would wait for.
Then the transaction is short: it locks the rows, notes how they are, writes, and ends.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.drivers.database.postgres.catalog.content import fix_text_forms
from lastgood.drivers.database.postgres.client.faults import told
from lastgood.drivers.database.postgres.loss.both import snapshots
from lastgood.drivers.database.postgres.repair.befores import note
from lastgood.drivers.database.postgres.repair.changing import Change
from lastgood.drivers.database.postgres.repair.spoilt import WRITTEN, Finding, Spoilt
from lastgood.drivers.database.postgres.rows.landing import Landed, Landing
from lastgood.drivers.database.postgres.rows.muting import muted
from lastgood.drivers.database.postgres.rows.onward import Move, furthest
from lastgood.drivers.database.postgres.rows.order import filled
from lastgood.drivers.database.postgres.rows.writing import Terms, Words, Writing
from lastgood.errors import RefusedError
from lastgood.model.repair import Repair, TableRepair, Wanted

if TYPE_CHECKING:
    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.drivers.database.postgres.repair.befores import Befores
    from lastgood.drivers.database.postgres.rows.staging import Stage
    from lastgood.process.masking import Masker

UNKNOWN = "repair-unknown"
WORDS = Words(
    failed="the rows could not be repaired",
    unknown="nobody knows whether the rows were repaired",
    mend="repair again: what is right already is not touched",
    code=UNKNOWN,
)


class Keeping(NamedTuple):
    """What becomes of the rows that are there.

    Attributes:
        before: the id under which they are kept as they were.
        accepted: how many may be overwritten; None for any number.
        befores: what keeps them.
    """

    before: str
    accepted: int | None
    befores: Befores


def repair(
    live: Address,
    copy: Connection[Any],
    wanted: Wanted,
    keeping: Keeping,
    terms: Terms,
    masker: Masker,
) -> Repair:
    """Repair what is wanted; see `ports.repairing.Repairing.repair`.

    `copy` is a connection to the copy, which nobody else may enter.
    """
    with live.connected() as reader, live.connected() as writer, told(WORDS.failed, masker):
        fix_text_forms(writer)
        with snapshots(reader, copy) as both:
            both.limit(terms.longest_s)
            spoilt = Finding(both, writer, wanted, masker).tables()
        stages = [stage for one in spoilt for stage in (one.change, one.back) if stage is not None]
        if not stages:
            return Repair(tables=tuple(_told(one, [], {}) for one in spoilt))
        with ExitStack() as stack:
            into = (
                None
                if terms.dry_run
                else stack.enter_context(keeping.befores.made(keeping.before, UNKNOWN))
            )
            writing = Writing(live, writer, terms, WORDS, masker)
            repairing = _Repairing(writer, stages, into, keeping.accepted, writing, masker)
            landed, counts, moves = writing.tried(repairing.once)
    return Repair(
        tables=tuple(_told(one, landed, counts) for one in spoilt),
        sequences={one.sequence: one.next for one in moves},
        before="" if terms.dry_run else keeping.before,
    )


class _Repairing:
    """The transaction; `into` is where the rows are kept as they were."""

    def __init__(
        self,
        connection: Connection[Any],
        stages: list[Stage],
        into: Connection[Any] | None,
        accepted: int | None,
        writing: Writing,
        masker: Masker,
    ) -> None:
        self._connection = connection
        self._stages = stages
        self._into = into
        self._accepted = accepted
        self._writing = writing
        self._masker = masker

    def once(self) -> tuple[list[Landed], dict[Stage, int], list[Move]]:
        """Do it once."""
        until = self._writing.begin()
        landing = Landing(self._connection, self._masker, until)
        triggers = {one for stage in self._stages for one in stage.place.triggers}
        tables: dict[str, list[Stage]] = {}
        references: dict[str, set[str]] = {}
        for stage in self._stages:
            tables.setdefault(stage.place.relation.sql, []).append(stage)
            references[stage.place.relation.sql] = {one.root for one in stage.place.references}
        with muted(self._connection, sorted(triggers), WRITTEN):
            for stage in self._stages:
                if isinstance(stage, Change):
                    stage.lock()
            landed = [
                one
                for group in filled(references)
                for one in landing.land([stage for name in group for stage in tables[name]])
            ]
        moves = furthest(self._connection, self._stages)
        counts = self._counts(landed)
        self._writing.end(moves)
        return landed, counts, moves

    def _counts(self, landed: list[Landed]) -> dict[Stage, int]:
        """How many rows of each stage were written; they are kept as they were by now."""
        if self._into is None:
            return {one.stage: one.brought for one in landed}
        stages = [one.stage for one in landed]
        counts = dict(zip(stages, note(self._connection, self._into, stages), strict=True))
        overwritten = sum(count for stage, count in counts.items() if not stage.inserts)
        if self._accepted is not None and overwritten > self._accepted:
            raise RefusedError(
                f"{overwritten} rows would be overwritten, only {self._accepted} were accepted; "
                "nothing was changed",
                cause="rows that are not as the copy has them may have been changed rightly, too",
                mend="see which: --dry-run, and name fewer by --where or --column; or if that is "
                f"the price: --accept-loss {overwritten}",
                code="loss-over-accepted",
            )
        return counts


def _told(spoilt: Spoilt, landed: list[Landed], counts: dict[Stage, int]) -> TableRepair:
    ours = [one for one in landed if one.stage in (spoilt.change, spoilt.back)]
    said = [*spoilt.said, *(text for one in ours for text in (one.said, one.why) if text)]
    return TableRepair(
        table=spoilt.table,
        overwritten=counts.get(spoilt.change, 0) if spoilt.change else 0,
        returned=counts.get(spoilt.back, 0) if spoilt.back else 0,
        newer=spoilt.newer,
        missing=spoilt.missing,
        left=sum(one.left for one in ours),
        conflicts=tuple(conflict for one in ours for conflict in one.conflicts),
        said=tuple(said),
    )
