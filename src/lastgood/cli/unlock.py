"""`lastgood unlock`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from lastgood.cli.session import DryRunOption, Session, command

app = typer.Typer()


@command(app)
def unlock(
    session: Session,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the record.")],
    *,
    dry_run: DryRunOption = False,
) -> None:
    """Free the environment's lock: its run ends as cancelled, what it started is ended too."""
    from lastgood.app.runs.interrupting import holder  # noqa: PLC0415 - only when it runs
    from lastgood.app.runs.interrupting import unlock as free  # noqa: PLC0415 - likewise

    if dry_run:
        held = asyncio.run(holder(session.project))
        session.would(f"take the lock from {held}", {"run": held})
        return
    freed = asyncio.run(free(session.project, reason))
    name = session.project.name
    for warning in freed.warnings:
        session.tell(f"warning: other machines still see it locked: {warning}")
    for service in freed.unstarted:
        session.tell(f"warning: {service}")
    ended = f"; {freed.run} ended as cancelled" if freed.ours else f" of {freed.run}"
    document = {"environment": name, "run": freed.run, "unlocked": True}
    session.say(document, lambda: f"{name} is free{ended}")
