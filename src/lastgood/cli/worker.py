"""`lastgood worker`."""

from __future__ import annotations

import asyncio

import typer

from lastgood.cli.session import Session, command
from lastgood.errors import ExitCode

app = typer.Typer()


@command(app)
def worker(session: Session) -> ExitCode:
    """Carry out runs, keep watches and back up on schedule; docs/worker.md has a systemd unit."""
    from lastgood.app.runs.running import serve  # noqa: PLC0415 - only when it runs

    session.tell(f"working for {session.project.settings.project}; Ctrl-C stops")
    asyncio.run(serve(session.project))
    return ExitCode.GOOD
