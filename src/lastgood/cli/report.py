"""`lastgood report`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from lastgood.cli.session import Session, command
from lastgood.process.masking import harmless

app = typer.Typer()


@command(app)
def report(
    session: Session,
    run: Annotated[str | None, typer.Argument(help="The run; else the newest.")] = None,
) -> None:
    """Write the report of a run as Markdown and JSON, and show it."""
    from lastgood.app import reporting  # noqa: PLC0415 - only when it runs
    from lastgood.report.documents import plain  # noqa: PLC0415 - likewise
    from lastgood.report.markdown import markdown  # noqa: PLC0415 - likewise

    run_id = run or reporting.newest_run(session.project)
    path = reporting.report(session.project, run_id)
    made = reporting.compose(session.project, run_id)
    session.tell(f"written to {path}")
    if session.as_json or session.quiet:
        session.say({"path": str(path), "report": plain(made)}, lambda: "")
    else:
        sys.stdout.write(harmless(markdown(made)))  # a broken line would break its tables
