"""`lastgood version`."""

from __future__ import annotations

import platform

import typer

from lastgood import __version__
from lastgood.cli.session import Session, command

app = typer.Typer()


@command(app)
def version(session: Session) -> None:
    """Show the version of lastgood and of Python."""
    document = {"version": __version__, "python": platform.python_version()}
    session.say(document, lambda: f"lastgood {__version__} (Python {document['python']})")
