"""A repair is undone: rows are as they were before it, where nobody has changed them since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.catalog.content import fix_text_forms
from lastgood.drivers.database.postgres.catalog.tables import Relation
from lastgood.drivers.database.postgres.client.faults import shown, told
from lastgood.drivers.database.postgres.repair.befores import Noted, noted
from lastgood.drivers.database.postgres.repair.changing import Change, Removal
from lastgood.drivers.database.postgres.repair.spoilt import WRITTEN
from lastgood.drivers.database.postgres.rows.landing import SHOWN, Landed, Landing
from lastgood.drivers.database.postgres.rows.muting import muted, watching
from lastgood.drivers.database.postgres.rows.order import filled
from lastgood.drivers.database.postgres.rows.place import place_of
from lastgood.drivers.database.postgres.rows.writing import Terms, Words, Writing
from lastgood.errors import RefusedError
from lastgood.model.repair import Repair, TableRepair
from lastgood.model.salvage import Conflict, Hindrance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.drivers.database.postgres.rows.place import Place
    from lastgood.process.masking import Masker

_LONGEST = 300
_WORDS = Words(
    failed="the repair could not be taken back",
    unknown="nobody knows whether the repair was taken back",
    mend="take it back again: rows that are as before already are left alone",
    code="repair-unknown",
)
_THERE = "SELECT pg_catalog.to_regclass(%s) IS NOT NULL"


def take_back(live: Address, kept: Connection[Any], terms: Terms, masker: Masker) -> Repair:
    """Undo a repair; see `ports.repairing.Repairing.take_back`.

    `kept` is a connection to what `befores` keeps of it.
    """
    with live.connected() as writer, told(_WORDS.failed, masker):
        fix_text_forms(writer)
        if events := watching(writer):
            raise _refused("the database", f"event triggers would fire: {events}", masker)
        stages = [_stage(writer, kept, one, at, masker) for at, one in enumerate(noted(kept), 1)]
        back = _Back(writer, stages, Writing(live, writer, terms, _WORDS, masker), masker)
        return Repair(tables=tuple(back.taken()))


class _Back:
    """The transaction."""

    def __init__(
        self,
        connection: Connection[Any],
        stages: Sequence[Change],
        writing: Writing,
        masker: Masker,
    ) -> None:
        self._connection = connection
        self._stages = stages
        self._writing = writing
        self._masker = masker

    def taken(self) -> list[TableRepair]:
        """Do it; what became of each table, by name."""
        landed = self._writing.tried(self._once)
        names = sorted({one.stage.place.relation.sql for one in landed})
        return [
            _told(name, [one for one in landed if one.stage.place.relation.sql == name])
            for name in names
        ]

    def _once(self) -> list[Landed]:
        until = self._writing.begin()
        landing = Landing(self._connection, self._masker, until)
        triggers = {one for stage in self._stages for one in stage.place.triggers}
        groups = self._groups()
        with muted(self._connection, sorted(triggers), WRITTEN):
            strayed = {stage: stage.lock() for stage in self._stages}
            landed = [
                one
                for group in groups
                if (changes := [stage for stage in group if not isinstance(stage, Removal)])
                for one in landing.land(changes)
            ]
            for group in reversed(groups):
                landed += self._removed([one for one in group if isinstance(one, Removal)])
        for one in landed:
            self._leave(one, strayed[one.stage], Hindrance.CHANGED)  # type: ignore[index]
        self._writing.end([])
        return landed

    def _groups(self) -> list[list[Change]]:
        """What refers to each other, parents first."""
        tables: dict[str, list[Change]] = {}
        references: dict[str, set[str]] = {}
        for stage in self._stages:
            tables.setdefault(stage.place.relation.sql, []).append(stage)
            references[stage.place.relation.sql] = {one.root for one in stage.place.references}
        return [[one for name in group for one in tables[name]] for group in filled(references)]

    def _removed(self, removals: Sequence[Removal]) -> list[Landed]:
        counts = dict.fromkeys(removals, 0)
        going = True
        while going:  # what refers to others among them goes first
            going = False
            for one in removals:
                count = one.remove()
                counts[one] += count
                going |= count > 0
        landed = [Landed(one, brought=counts[one]) for one in removals]
        for done, removal in zip(landed, removals, strict=True):
            self._leave(done, removal.kept(), Hindrance.NEEDED)
        return landed

    def _leave(self, one: Landed, keys: Iterable[Sequence[str]], why: Hindrance) -> None:
        for key in keys:
            one.left += 1
            if len(one.conflicts) < SHOWN:
                values = zip(one.stage.place.key, key, strict=True)
                named = {self._shown(name): self._shown(value) for name, value in values}
                one.conflicts.append(Conflict(key=named, why=why))

    def _shown(self, text: str) -> str:
        return shown(text, self._masker, _LONGEST)


def _stage(
    writer: Connection[Any], kept: Connection[Any], one: Noted, at: int, masker: Masker
) -> Change:
    place = _place(writer, one, masker)
    kind = Removal if one.returned else Change
    stage = kind(writer, place, at, partitioned=one.partitioned)
    stage.create()
    stage.fill(kept, one.number)
    return stage


def _place(writer: Connection[Any], one: Noted, masker: Masker) -> Place:
    row = writer.execute(_THERE, (one.sql,)).fetchone()
    if not row or not row[0]:
        raise _refused(one.sql, "it is not there any more", masker)
    relation = Relation(one.schema, one.name, one.sql)
    place = place_of(writer, writer, relation, tuple(one.key), WRITTEN)
    there = {column.name: column for column in place.columns}
    if gone := [name for name in one.columns if name not in there]:
        raise _refused(one.sql, f"the column {gone[0]} is not there any more", masker)
    if place.why:
        raise _refused(one.sql, place.why, masker)
    return place._replace(columns=tuple(there[name] for name in one.columns))


def _refused(table: str, why: str, masker: Masker) -> RefusedError:
    return RefusedError(
        f"the repair of {shown(table, masker, _LONGEST)} cannot be taken back; nothing was changed",
        cause=shown(why, masker, _LONGEST),
        mend="bring the table into the shape that it had, then try again",
        code="not-repairable",
    )


def _told(table: str, landed: Sequence[Landed]) -> TableRepair:
    return TableRepair(
        table=table,
        overwritten=sum(one.brought for one in landed if not isinstance(one.stage, Removal)),
        removed=sum(one.brought for one in landed if isinstance(one.stage, Removal)),
        left=sum(one.left for one in landed),
        conflicts=tuple(conflict for one in landed for conflict in one.conflicts),
        said=tuple(text for one in landed for text in (one.said, one.why) if text),
    )
