"""`lastgood status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from lastgood.cli.session import Session, command
from lastgood.model.release import Standing

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lastgood.store.glance import Glance

app = typer.Typer()

STYLES = {"known-good": "green", "candidate": "yellow", "bad": "bold red", "unknown": "dim"}


@command(app)
def status(session: Session) -> None:
    """Show what is live, where a rollback would go, what is held, and what is going on."""
    from lastgood.app.status import glance_at, status_document  # noqa: PLC0415 - only when it runs

    seen = glance_at(session.project)
    session.say(status_document(session.project, seen), lambda: status_text(session, seen))


def status_text(session: Session, seen: Glance) -> RenderableType:
    """The whole state of an environment on one screen."""
    from rich.console import Group  # noqa: PLC0415 - JSON needs no Rich
    from rich.table import Table  # noqa: PLC0415 - likewise
    from rich.text import Text  # noqa: PLC0415 - likewise

    project = session.project
    parts: list[RenderableType] = [Text(f"{project.settings.project} {project.name}", "bold")]
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    for column in ("service", "live", "standing", "since (UTC)", "a rollback would go to"):
        table.add_column(column)
    known = {service.service: service for service in seen.services}
    for name in project.environment.services:
        service = known.get(name)
        if service is None or service.commit is None:
            table.add_row(name, "nothing recorded", "", "", "")
            continue
        standing = service.standing.value if service.standing else "unknown"
        nowhere = f"nothing {'else ' if standing == Standing.KNOWN_GOOD else ''}known good"
        table.add_row(
            name,
            service.commit[:12] + (" held" if service.held else ""),
            Text(standing, STYLES[standing]),
            f"{service.since:%Y-%m-%d %H:%M:%S}" if service.since else "",
            service.target[:12] if service.target else Text(nowhere, "bold red"),
        )
    parts.append(table)
    parts += [Text(line, style) for line, style in _goings_on(seen)]
    return Group(*parts)


def _goings_on(seen: Glance) -> list[tuple[str, str]]:
    """What is open, watched and held, a line each, and the next command."""
    lines = []
    if seen.incident:
        lines.append((f"incident {seen.incident.id}: {seen.incident.title}", "bold red"))
    for run in seen.runs:
        since = f"{run.commanded_at:%H:%M:%S}"
        lines.append((f"run {run.id} by {run.by} since {since} is open", "bold yellow"))
    if seen.runs:
        lines.append(("  lastgood watch follows it; lastgood resume lets it go on", "dim"))
    for watch in seen.watches:
        about = watch.service or watch.subject
        lines.append((f"{watch.kind} of {about} until {watch.until:%H:%M:%S}", "cyan"))
    lines += [
        (f"held: {hold.service} {hold.commit[:12]} ({hold.reason})", "yellow")
        for hold in seen.holds
    ]
    if not any(service.target for service in seen.services):
        begin = "lastgood releases import, then lastgood releases mark"
        lines.append((f"there is nothing to go back to: {begin}", "bold yellow"))
    return lines
