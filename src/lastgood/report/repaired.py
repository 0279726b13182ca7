"""Rows that were repaired without replacing a database: for programs, and in a run's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.noun import from_json
from lastgood.model.repair import Repair
from lastgood.report.documents import Document, plain
from lastgood.report.escaping import cell, text, time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lastgood.model.event import Event
    from lastgood.ports.repairing import Before

REPAIRED, TAKEN_BACK = "database.repaired", "database.repair-undone"
MOST_KEYS = 20


def repair_document(database: str, source: str, repair: Repair, *, dry_run: bool) -> Document:
    """What `db restore --table` answers, and `db undo --repair`."""
    return {
        "database": database,
        "source": source,
        "dry_run": dry_run,
        "overwritten": repair.overwritten,
        "returned": repair.returned,
        "removed": repair.removed,
        "left": repair.left,
        **plain(repair),
    }


def befores_document(kept: Sequence[Before]) -> list[Document]:
    """What is kept of rows before repairs."""
    return [{"id": one.id, "bytes": one.bytes} for one in kept]


def repaired(timeline: Sequence[Event]) -> Iterator[str]:
    """A part for each repair, and for each that was taken back."""
    for event in timeline:
        if event.kind in (REPAIRED, TAKEN_BACK) and "repair" in event.data:
            yield f"- {time(event.at)}: {text(event.text)}"
            yield from _tables(from_json(event.data["repair"], Repair))


def _tables(repair: Repair) -> Iterator[str]:
    if repair.before:
        yield f"  - to take it back: `lastgood db undo --repair {text(repair.before)}`"
    yield ""
    yield "| table | overwritten | brought back | taken away | left out | newer, left as they are |"
    yield "|---|---|---|---|---|---|"
    for table in repair.tables:
        yield (
            f"| {cell(table.table)} | {table.overwritten} | {table.returned} | {table.removed} "
            f"| {table.left} | {table.newer} |"
        )
    yield ""
    for table in repair.tables:
        for conflict in table.conflicts[:MOST_KEYS]:
            key = ", ".join(f"{name}={value}" for name, value in conflict.key.items())
            said = f": {text(conflict.said)}" if conflict.said else ""
            yield f"- left out of {text(table.table)}: {text(key)} ({conflict.why.value}{said})"
