"""What a repair did to rows, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from lastgood.model.repair import Repair, TableRepair
    from lastgood.ports.repairing import Before

SHOWN_KEYS = 5


def repair_text(database: str, source: str, repair: Repair, *, dry_run: bool) -> RenderableType:
    """What became of the rows, and how it is taken back."""
    would = "would be" if dry_run else "were"
    head = (
        f"{database}, from {source}: {repair.overwritten} rows {would} overwritten, "
        f"{repair.returned} brought back, {repair.left} left out"
    )
    parts: list[RenderableType] = [Text(head, "bold")]
    for table in repair.tables:
        parts += list(_table(table))
    if dry_run:
        parts.append(Text("nothing was changed: leave --dry-run out to do it", "dim"))
    elif repair.before:
        parts.append(Text(f"to take it back: lastgood db undo --repair {repair.before}"))
    else:
        parts.append(Text("nothing had to be done", "dim"))
    return Group(*parts)


def taken_back_text(database: str, before: str, repair: Repair, *, dry_run: bool) -> RenderableType:
    """What became of the rows of a repair."""
    would = "would be" if dry_run else "are"
    head = (
        f"{database}, the repair {before}: {repair.overwritten} rows {would} as they were, "
        f"{repair.removed} gone again, {repair.left} left as they are"
    )
    parts: list[RenderableType] = [Text(head, "bold")]
    for table in repair.tables:
        parts += list(_table(table))
    if dry_run:
        parts.append(Text("nothing was changed: leave --dry-run out to do it", "dim"))
    return Group(*parts)


def befores_text(kept: Sequence[Before]) -> Iterator[RenderableType]:
    """What is kept of rows before repairs."""
    for one in kept:
        yield Text(
            f"rows before the repair {one.id} ({one.bytes / 1e6:.1f} MB): "
            f"lastgood db undo --repair {one.id}"
        )


def _table(table: TableRepair) -> Iterator[RenderableType]:
    counts = {
        "overwritten": table.overwritten,
        "brought back": table.returned,
        "taken away": table.removed,
        "written since and left": table.newer,
        "gone and not asked for": table.missing,
    }
    said = [f"{count} {what}" for what, count in counts.items() if count]
    yield Text(f"  {table.table}: {'; '.join([*said, *table.said]) or 'as in the backup'}")
    for conflict in table.conflicts[:SHOWN_KEYS]:
        key = ", ".join(f"{name}={value}" for name, value in conflict.key.items())
        yield Text(f"    left out {key}: {conflict.why.value} {conflict.said}".rstrip(), "yellow")
    if table.left > SHOWN_KEYS:
        yield Text(f"    and {table.left - SHOWN_KEYS} more: --json has them", "dim")
