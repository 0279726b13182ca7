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
    from collections.abc import Iterator, Mapping

    from lastgood.model.exchange import Exchange
    from lastgood.model.report import Report
    from lastgood.model.run import StepRecord

SALVAGED = "database.salvaged"
MOST_KEYS = 20


def lost(report: Report) -> str:
    """What data went, in words: as it was counted when nobody could write any more."""
    records = {record.step: record for record in report.steps}
    plan = report.run.plan
    if not plan.exchanges:
        return plan.loss
    return "; ".join(_lost(one, records.get(one.step)) for one in plan.exchanges)


def _lost(exchange: Exchange, record: StepRecord | None) -> str:
    name = exchange.database
    if record is None or record.state is not StepState.DONE or record.outcome is None:
        return f"none of {name}, it is as it was"
    if exchange.way is Way.DOWNGRADE:
        goes = "".join(f"; {line}" for line in (exchange.loss.shape if exchange.loss else ()))
        return f"{name} was migrated down from {exchange.upper} to {exchange.lower}{goes}"
    detail = record.outcome.detail
    known = from_json(detail["loss"], Loss) if "loss" in detail else exchange.loss
    rows = "an unknown number of" if known is None or known.vanishing is None else known.vanishing
    at = f"{exchange.snapshot_at:%Y-%m-%d %H:%M:%S} UTC" if exchange.snapshot_at else exchange.copy
    planned = "" if "loss" in detail else " (as it was planned)"
    return f"{name} returned to {at}: {rows} rows vanished{planned}"


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
            yield from _loss(exchange.loss, "vanished")
        return
    of = f" of {time(exchange.snapshot_at)}" if exchange.snapshot_at is not None else ""
    detail = record.outcome.detail
    yield f"- **{name}**: {text(exchange.copy)}{of} took its place by {exchange.way.value}"
    if detail.get("closed_s"):
        yield f"  - nobody could connect for {detail['closed_s']} s"
    if exchange.way is Way.PHYSICAL:
        yield f"  - where the server was is in its log as `lastgood_before_{exchange.quarantine}`"
    else:
        yield f"  - the replaced database is kept as `{text(exchange.quarantine)}`"
    yield from (f"  - {text(said)}" for said in detail.get("said", "").splitlines())
    if "loss" in detail:
        yield from _loss(from_json(detail["loss"], Loss), "vanished")
    elif exchange.loss is not None:
        yield "  - it was cut off before it could tell what vanished; for the plan it was counted:"
        yield from _loss(exchange.loss, "were to vanish")
    for event in report.timeline:
        same = event.data.get("quarantine") == exchange.quarantine
        if event.kind == SALVAGED and same and "salvage" in event.data:
            yield from _salvage(event.data, from_json(event.data["salvage"], Salvage))


def _loss(loss: Loss, what: str) -> Iterator[str]:
    total = "an unknown number of rows" if loss.vanishing is None else f"{loss.vanishing} rows"
    yield f"  - {total} written since then {what}{'' if loss.complete else ' (not all is exact)'}"
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


def _salvage(counted: Mapping[str, str], salvage: Salvage) -> Iterator[str]:
    brought, left = counted.get("brought", salvage.brought), counted.get("left", salvage.left)
    yield f"- salvage brought {brought} rows back and left {left} out"
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
            yield (
                f"- left out of {text(table.table)}: {text(_key(conflict.key))} "
                f"({conflict.why.value}{': ' if conflict.said else ''}{text(conflict.said)})"
            )
        yield from (
            f"- deleted from {text(table.table)} since the backup, and back: {text(_key(key))}"
            for key in table.deleted_keys[:MOST_KEYS]
        )
    yield from (f"- to be taken away again: `{code_line(line)}`" for line in salvage.revoked)


def _key(key: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in key.items())


def code_line(line: str) -> str:
    """Outside text as code on one line, unable to end it."""
    return " ".join(line.replace("`", "").split())
