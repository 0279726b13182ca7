"""`lastgood incident`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lastgood.cli.session import DryRunOption, Session, command

app = typer.Typer(no_args_is_help=True, help="Open, show, list, note and resolve incidents.")

IncidentArgument = Annotated[
    str | None, typer.Argument(help="The incident; else the newest open one.")
]


@command(app, "open")
def open_(
    session: Session,
    title: Annotated[str, typer.Argument(help="What is wrong, in a line.")],
    *,
    dry_run: DryRunOption = False,
) -> None:
    """Open an incident by hand."""
    from lastgood.app.incidents import open_incident, refuse_second  # noqa: PLC0415 - when it runs
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    if dry_run:
        refuse_second(session.project)
        session.would(f"open an incident: {title}", {"title": title})
        return
    incident = open_incident(session.project, title)
    session.say(plain(incident), lambda: f"{incident.id} is open. Next: lastgood decide")


@command(app, "list")
def list_(session: Session) -> None:
    """List the incidents, newest first."""
    from lastgood.report.documents import plain  # noqa: PLC0415 - only when it runs

    incidents = session.project.state.incidents.list_all(session.project.name)

    def table() -> Table:
        rows = Table(box=None, pad_edge=False, padding=(0, 1))
        for column in ("incident", "opened (UTC)", "resolved (UTC)", "title"):
            rows.add_column(column)
        for item in incidents:
            resolved = f"{item.resolved_at:%Y-%m-%d %H:%M:%S}" if item.resolved_at else "open"
            opened = f"{item.opened_at:%Y-%m-%d %H:%M:%S}"
            rows.add_row(item.id, opened, resolved, Text(item.title))
        return rows

    session.say({"incidents": plain(incidents)}, table)


@command(app, "show")
def show(session: Session, incident: IncidentArgument = None) -> None:
    """Show an incident with its timeline."""
    from lastgood.app.incidents import named  # noqa: PLC0415 - only when it runs
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    found = named(session.project, incident)
    events = session.project.state.events.list(incident=found.id)

    def text() -> Group:
        rows = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
        for event in events:
            rows.add_row(f"{event.at:%H:%M:%S}", event.kind, Text(event.text), event.actor)
        state = f"resolved {found.resolved_at:%H:%M:%S}" if found.resolved_at else "open"
        return Group(Text(f"{found.id} ({state}): {found.title}", "bold"), rows)

    session.say({"incident": plain(found), "timeline": plain(events)}, text)


@command(app, "note")
def note(
    session: Session,
    text: Annotated[str, typer.Argument(help="What is to be remembered.")],
    incident: Annotated[str | None, typer.Option("--incident", help="Else the open one.")] = None,
    *,
    dry_run: DryRunOption = False,
) -> None:
    """Write a line into an incident's timeline."""
    from lastgood.app.incidents import add_note, named  # noqa: PLC0415 - only when it runs
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    if dry_run:
        meant = named(session.project, incident)
        session.would(f"note it in {meant.id}", {"incident": meant.id})
        return
    event = add_note(session.project, incident, text)
    session.say(plain(event), lambda: "noted")


@command(app, "resolve")
def resolve(
    session: Session,
    incident: IncidentArgument = None,
    note: Annotated[str, typer.Option("--note", help="How it ended.")] = "",
    *,
    dry_run: DryRunOption = False,
) -> None:
    """Resolve an incident by hand."""
    from lastgood.app.incidents import named, resolve_incident  # noqa: PLC0415 - only when it runs
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise

    if dry_run:
        meant = named(session.project, incident)
        session.would(f"resolve {meant.id}", {"incident": meant.id})
        return
    resolved = resolve_incident(session.project, incident, note)
    session.say(plain(resolved), lambda: f"{resolved.id} is resolved")
