"""What databases lose, get back and keep, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from lastgood.app.databases.quarantine import Former
    from lastgood.model.loss import Loss
    from lastgood.model.salvage import Salvage, TableSalvage

MOST_LINES = 30
SHOWN_KEYS = 5


def loss_text(database: str, copy: str, loss: Loss, command: str = "") -> RenderableType:
    """What a database would lose to a copy: each table that differs; and the command for that."""
    total = "an unknown number of" if loss.vanishing is None else str(loss.vanishing)
    kind = "exact" if loss.complete else "not all is exact"
    head = Text(f"{database} -> {copy}: {total} rows would vanish ({kind})", "bold")
    accept = "unknown" if loss.ceiling is None else loss.ceiling
    price = f"if that is the price: {command} --accept-loss {accept}"
    return Group(head, *loss_lines(loss), *([Text(price, "bold")] if command else []))


def loss_lines(loss: Loss) -> Iterator[RenderableType]:
    """The tables that differ, and what differs in the schema."""
    differing = [table for table in loss.tables if table.differs]
    if differing:
        rows = Table(box=None, pad_edge=False, padding=(0, 1))
        rows.add_column("  table")
        for column in ("live", "copy", "vanish", "return", "change"):
            rows.add_column(column, justify="right")
        rows.add_column("")
        for table in differing[:MOST_LINES]:
            counts = (table.live_rows, table.restored_rows, table.vanishing, table.returning)
            exact = "" if table.precision == "exact" else f"{table.precision}: {table.why}"
            rows.add_row(f"  {table.table}", *(_count(n) for n in (*counts, table.changing)), exact)
        yield rows
        if len(differing) > MOST_LINES:
            yield Text(f"  and {len(differing) - MOST_LINES} more tables: --json has all", "dim")
    same = len(loss.tables) - len(differing)
    if same:
        stay = "table would stay as it is" if same == 1 else "tables would stay as they are"
        yield Text(f"  {same} {stay}", "dim")
    for line in loss.shape[:MOST_LINES]:
        yield Text(f"  {line}", "yellow")


def salvage_text(
    database: str, quarantine: str, salvage: Salvage, *, dry_run: bool
) -> RenderableType:
    """What was brought, and what was not."""
    would = "would be brought" if dry_run else "were brought"
    parts: list[RenderableType] = [
        Text(
            f"{salvage.brought} rows {would} into {database} from {quarantine}, "
            f"{salvage.left} left out",
            "bold",
        )
    ]
    for table in salvage.tables:
        parts += list(_salvaged(table))
    if salvage.revoked:
        parts.append(Text("rights that were taken away since the backup are back; to do again:"))
        parts += [Text(f"  {line}", "yellow") for line in salvage.revoked[:MOST_LINES]]
    if dry_run:
        parts.append(Text("nothing was changed: leave --dry-run out to do it", "dim"))
    return Group(*parts)


def quarantine_text(database: str, kept: Sequence[Former]) -> RenderableType:
    """The replaced databases."""
    if not kept:
        return Text(f"no replaced database of {database} is kept")
    rows = Table(box=None, pad_edge=False, padding=(0, 1))
    for column in ("replaced database", "since (UTC)", "kept until", "size"):
        rows.add_column(column)
    for one in kept:
        rows.add_row(
            one.id, f"{one.replaced_at:%Y-%m-%d %H:%M:%S}", f"{one.until:%Y-%m-%d %H:%M}",
            f"{one.bytes / 1e6:.1f} MB",
        )  # fmt: skip
    problems = (Text(problem.what, "red") for one in kept for problem in one.problems)
    return Group(rows, *problems)


def _salvaged(table: TableSalvage) -> Iterator[RenderableType]:
    said = [f"{table.brought} of {table.found} brought"]
    if table.updated:
        said.append(f"{table.updated} have other content there and stay as they are")
    if table.deleted:
        said.append(f"{table.deleted} were deleted since the backup and are back")
    if table.why:
        said.append(table.why)
    yield Text(f"  {table.table}: {'; '.join(said)}")
    for conflict in table.conflicts[:SHOWN_KEYS]:
        key = ", ".join(f"{name}={value}" for name, value in conflict.key.items())
        yield Text(f"    left out {key}: {conflict.why} {conflict.said}", "yellow")
    if table.left > SHOWN_KEYS:
        yield Text(f"    and {table.left - SHOWN_KEYS} more: --json has them", "dim")


def _count(count: int | None) -> str:
    return "?" if count is None else str(count)
