"""Run the demo and make the README's picture of it: docs/demo.svg."""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.segment import Segment

from lastgood.app.runs.following import follow
from lastgood.cli.console import HarmlessConsole
from lastgood.cli.live import steps_table
from lastgood.cli.session import Session
from lastgood.demo.command import play
from lastgood.demo.terminal import Terminal
from lastgood.model.verdict import Method

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType

    from lastgood.app.project import Project
    from lastgood.app.runs.following import Snapshot

PICTURE = Path(__file__).parent / "demo.svg"
WIDTH = 100

# The viewer's own font: a picture in a README loads nothing.
FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class Canvas(HarmlessConsole):
    """A console that is kept; no path of this machine comes into the picture."""

    def __init__(self) -> None:
        super().__init__(
            width=WIDTH, record=True, file=io.StringIO(), force_terminal=True,
            color_system="truecolor", highlight=False, markup=False,
        )  # fmt: skip

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Leave out the directory of temporary files."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text.replace(f"{tempfile.gettempdir()}/", "…/"), style, control)


class Still(Terminal):
    """The story without its moving part: of the steps, only their end is shown."""

    def follow(self, project: Project, run_id: str) -> Snapshot:
        """The steps, when they are done."""
        self.tell("It carries the plan out:")
        *_, last = follow(project, run_id)
        self.block(steps_table(last))
        return last


def main() -> int:
    """Write the picture of a run that recovered."""
    canvas = Canvas()
    session = Session(
        config=None, env=None, as_json=False, quiet=False, no_color=False, no_input=True
    )
    session.out = session.err = canvas
    canvas.print("$ lastgood demo")
    code = play(session, Still(session), Method.AUTO)
    if code == 0:
        picture = canvas.export_svg(title="lastgood demo", unique_id="demo")
        PICTURE.write_text(FONTS.sub("", picture), encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
