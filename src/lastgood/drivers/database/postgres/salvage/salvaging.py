"""Rows of a replaced database are brought into the live one, in one transaction.

What is new is sought and fetched first, without a lock that anybody would wait for. Then the
transaction is short: it sifts, inserts, and ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.client.faults import told
from lastgood.drivers.database.postgres.rows.landing import Landed, Landing
from lastgood.drivers.database.postgres.rows.muting import muted
from lastgood.drivers.database.postgres.rows.onward import Move, furthest
from lastgood.drivers.database.postgres.rows.order import filled
from lastgood.drivers.database.postgres.rows.writing import Terms, Words, Writing
from lastgood.drivers.database.postgres.salvage.seeking import seek
from lastgood.model.salvage import Salvage, TableSalvage

if TYPE_CHECKING:
    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.drivers.database.postgres.rows.staging import Stage
    from lastgood.drivers.database.postgres.salvage.seeking import Sought
    from lastgood.process.masking import Masker

_WORDS = Words(
    failed="the rows of the replaced database could not be brought",
    unknown="nobody knows whether the rows of the replaced database were brought",
    mend="salvage again: what is there already is not brought twice",
    code="salvage-unknown",
)


def salvage(live: Address, copy: Connection[Any], terms: Terms, masker: Masker) -> Salvage:
    """Bring what only the replaced database has.

    `copy` is a connection to the replaced database, which nobody else may enter.

    Raises:
        RefusedError: it takes too long (`salvage-too-long`), triggers cannot be kept from firing
            (`triggers-fire`), or we may not (`not-permitted`); nothing was changed.
        RemoteError: the server failed: nothing was changed, unless the code is `salvage-unknown`.
    """
    with live.connected() as reader, live.connected() as writer, told(_WORDS.failed, masker):
        sought, revoked = seek(reader, copy, writer, terms.longest_s, masker)
        landed, moves = list[Landed](), list[Move]()
        if stages := [one.stage for one in sought if one.stage]:
            landed, moves = _Bringing(live, writer, stages, terms, masker).bring()
    return Salvage(
        tables=tuple(_tables(sought, landed)),
        sequences={one.sequence: one.next for one in moves},
        revoked=revoked,
    )


class _Bringing:
    """The transaction."""

    def __init__(
        self,
        live: Address,
        connection: Connection[Any],
        stages: list[Stage],
        terms: Terms,
        masker: Masker,
    ) -> None:
        self._connection = connection
        self._stages = {stage.place.relation.sql: stage for stage in stages}
        self._writing = Writing(live, connection, terms, _WORDS, masker)
        self._masker = masker

    def bring(self) -> tuple[list[Landed], list[Move]]:
        """Try until the locks are free."""
        return self._writing.tried(self._once)

    def _once(self) -> tuple[list[Landed], list[Move]]:
        until = self._writing.begin()
        landing = Landing(self._connection, self._masker, until)
        triggers = [one for stage in self._stages.values() for one in stage.place.triggers]
        references = {
            name: {one.root for one in stage.place.references}
            for name, stage in self._stages.items()
        }
        with muted(self._connection, triggers):
            landed = [
                one
                for group in filled(references)
                for one in landing.land([self._stages[name] for name in group])
            ]
        moves = furthest(self._connection, [one.stage for one in landed])
        self._writing.end(moves)
        return landed, moves


def _tables(sought: list[Sought], landed: list[Landed]) -> list[TableSalvage]:
    """Those with anything to say; the filled ones first, in that order."""
    found = {one.table: one for one in sought}
    filled_ones = [_told(found.pop(one.stage.place.relation.sql), one) for one in landed]
    others = [_told(one, None) for one in found.values() if _speaks(one)]
    return [*filled_ones, *others]


def _speaks(one: Sought) -> bool:
    return bool(one.found or one.gone or one.updated or one.deleted or one.why)


def _told(sought: Sought, landed: Landed | None) -> TableSalvage:
    brought = landed.brought if landed else 0
    said = [*sought.said, *([landed.said] if landed and landed.said else [])]
    return TableSalvage(
        table=sought.table,
        found=sought.found,
        brought=brought,
        left=sought.found - brought,
        conflicts=tuple(landed.conflicts) if landed else (),
        updated=sought.updated,
        deleted=sought.deleted,
        deleted_keys=tuple(sought.deleted_keys),
        said=tuple(said),
        why=sought.why or (landed.why if landed else ""),
    )
