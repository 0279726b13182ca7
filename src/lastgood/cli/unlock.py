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
    from lastgood.app.interrupting import holder  # noqa: PLC0415 - only when it runs
    from lastgood.app.interrupting import unlock as free  # noqa: PLC0415 - likewise

    if dry_run:
        held = asyncio.run(holder(session.project))
        session.would(f"take the lock from {held}", {"run": held})
        return
    freed = asyncio.run(free(session.project, reason))
    document = {"environment": session.project.name, "run": freed, "unlocked": True}
    session.say(document, lambda: f"{session.project.name} is free; {freed} ended as cancelled")
