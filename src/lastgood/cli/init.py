"""`lastgood init`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from lastgood.cli.session import DryRunOption, Session, command

if TYPE_CHECKING:
    from rich.console import RenderableType

    from lastgood.app.initialise import Written

app = typer.Typer()

ForceOption = Annotated[
    bool, typer.Option("--force", help="Replace the file; a copy of it is kept.")
]


@command(app)
def init(
    session: Session,
    *,
    force: ForceOption = False,
    dry_run: DryRunOption = False,
) -> None:
    """Write a commented lastgood.yaml from what is found here; exit 5 when there is one."""
    from lastgood.app.initialise import init_document, initialise  # noqa: PLC0415 - when it runs
    from lastgood.config.choose import FILE_NAME  # noqa: PLC0415 - likewise

    config = session.config or Path.cwd() / FILE_NAME
    written = initialise(config, force=force, dry_run=dry_run)
    if dry_run and not session.as_json:
        sys.stdout.write(written.text)  # as it would stand in the file: no line is broken
    else:
        session.say(init_document(written), lambda: _text(written))


def _text(written: Written) -> RenderableType:
    from lastgood.app.initial.text import ways  # noqa: PLC0415 - likewise

    lines: list[RenderableType] = [Text(f"wrote {written.config}", "bold")]
    if written.backup:
        lines.append(Text(f"  the former one is kept as {written.backup}"))
    if written.ignored:
        lines.append(Text(f"  {written.ignored} keeps .lastgood/ out of git"))
    for part in written.around.parts:
        by = ", ".join(ways(part, written.around)) or "nothing found yet"
        lines.append(Text(f"  service {part.name} by {by}: {part.why}"))
    if not written.around.parts:
        lines.append(
            Text("  nothing says what is deployed here: describe it in the file", "yellow")
        )
    lines.append(Text("next:", "bold"))
    lines += [Text(f"  {number}. {step}") for number, step in enumerate(written.next, 1)]
    return Group(*lines)
