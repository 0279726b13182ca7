"""What became of databases: what took their place, what was lost, what was brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.exchange import Way
from lastgood.model.loss import Loss
from lastgood.model.noun import from_json
from lastgood.model.run import StepState
from lastgood.model.salvage import Salvage
from lastgood.report.escaping import cell, text, time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.model.exchange import Exchange
    from lastgood.model.report import Report
    from lastgood.model.run import StepRecord

SALVAGED = "database.salvaged"
MOST_KEYS = 20


def exchanged(report: Report) -> Iterator[str]:
    """A part for each database that the plan replaces, as far as it was come to."""
    records = {record.step: record for record in report.steps}
    for exchange in report.run.plan.exchanges:
        record = records.get(exchange.step)
        if record is not None and record.started_at:
            yield from _exchange(report, exchange, record)


def _exchange(report: Report, exchange: Exchange, record: StepRecord) -> Iterator[str]:
    name = text(exchange.database)
    if record.state is not StepState.DONE or record.outcome is None:
        yield f"- **{name}**: was to go back to {text(exchange.goal)}, and was not: {record.state}"
        return
    if exchange.way is Way.DOWNGRADE:
        yield (
            f"- **{name}**: its schema was brought from {text(exchange.upper)} down to "
            f"{text(exchange.lower)} by the migrations kept with {text(exchange.copy)}"
        )
        if exchange.loss is not None:
            yield from _loss(exchange.loss)
        return
    of = f" of {time(exchange.snapshot_at)}" if exchange.snapshot_at is not None else ""
    detail = record.outcome.detail
    yield f"- **{name}**: {text(exchange.copy)}{of} took its place by {exchange.way.value}"
    if "closed_s" in detail:
        yield f"  - nobody could connect for {detail['closed_s']} s"
    yield f"  - the replaced database is kept as `{text(exchange.quarantine)}`"
    yield from (f"  - {text(said)}" for said in detail.get("said", "").splitlines())
    if "loss" in detail:
        yield from _loss(from_json(detail["loss"], Loss))
    for event in report.timeline:
        same = event.data.get("quarantine") == exchange.quarantine
        if event.kind == SALVAGED and same and "salvage" in event.data:
            yield from _salvage(from_json(event.data["salvage"], Salvage))


def _loss(loss: Loss) -> Iterator[str]:
    total = "an unknown number of rows" if loss.vanishing is None else f"{loss.vanishing} rows"
    yield f"  - {total} written since then vanished{'' if loss.complete else ' (not all is exact)'}"
    yield ""
    yield "| table | live rows | restored rows | vanished | returned | changed | precision |"
    yield "|---|---|---|---|---|---|---|"
    for table in loss.tables:
        if table.differs:
            yield (
                f"| {cell(table.table)} | {cell(table.live_rows)} | {cell(table.restored_rows)} "
                f"| {cell(table.vanishing)} | {cell(table.returning)} | {cell(table.changing)} "
                f"| {table.precision.value} |"
            )
    yield ""
    yield from (f"- {text(line)}" for line in loss.shape)


def _salvage(salvage: Salvage) -> Iterator[str]:
    yield f"- salvage brought {salvage.brought} rows back and left {salvage.left} out"
    yield ""
    yield "| table | found | brought | left out | updated | deleted and back |"
    yield "|---|---|---|---|---|---|"
    for table in salvage.tables:
        yield (
            f"| {cell(table.table)} | {table.found} | {table.brought} | {table.left} "
            f"| {table.updated} | {table.deleted} |"
        )
    yield ""
    for table in salvage.tables:
        for conflict in table.conflicts[:MOST_KEYS]:
            key = ", ".join(f"{name}={value}" for name, value in conflict.key.items())
            yield (
                f"- left out of {text(table.table)}: {text(key)} "
                f"({conflict.why.value}{': ' if conflict.said else ''}{text(conflict.said)})"
            )
    yield from (f"- to be taken away again: `{code_line(line)}`" for line in salvage.revoked)


def code_line(line: str) -> str:
    """Outside text as code on one line, unable to end it."""
    return " ".join(line.replace("`", "").split())
