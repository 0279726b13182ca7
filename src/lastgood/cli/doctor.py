"""`lastgood doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lastgood.cli.session import Session, command
from lastgood.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from lastgood.app.facts.fact import Fact

app = typer.Typer()

STYLES = {"ok": "green", "note": "yellow", "FAIL": "bold red"}


@command(app)
def doctor(session: Session) -> ExitCode:
    """Show what a rollback needs now, and what is missing; exit 3 when something is."""
    from lastgood.app.doctor import doctor_document, examine, is_ready  # noqa: PLC0415 - when it runs

    session.tell(Text(f"looking at {session.project.name} ...", "dim"))
    facts = asyncio.run(examine(session.project))
    session.say(doctor_document(facts), lambda: _text(facts))
    return ExitCode.GOOD if is_ready(facts) else ExitCode.UNHEALTHY


def _text(facts: Sequence[Fact]) -> RenderableType:
    """A row for each fact, then what to do, the failures first."""
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for column in ("", "fact", "what was seen"):
        table.add_column(column)
    for fact in facts:
        word = _word(fact)
        table.add_row(Text(word, STYLES[word]), Text(fact.name), Text(fact.what))
    failures = [fact for fact in facts if not fact.ok]
    notes = [fact for fact in facts if _word(fact) == "note"]
    parts: list[RenderableType] = [table]
    for title, listed in (("mend this:", failures), ("better so:", notes)):
        if listed:
            parts += [Text(), Text(title, "bold")]
            parts += [Text(f"  {fact.name}: {fact.mend}") for fact in listed]
    verdict = f"NOT READY: {len(failures)} of {len(facts)} facts stand in a rollback's way"
    if not failures:
        verdict = f"ready: all {len(facts)} facts are as a rollback needs them"
    parts += [Text(), Text(verdict, "bold red" if failures else "bold green")]
    return Group(*parts)


def _word(fact: Fact) -> str:
    if not fact.ok:
        return "FAIL"
    return "note" if fact.mend else "ok"
