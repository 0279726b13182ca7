"""`lastgood demo`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lastgood.app.following import follow
from lastgood.cli.live import show
from lastgood.cli.plan_text import plan_text
from lastgood.cli.session import Session, command
from lastgood.errors import ExitCode
from lastgood.model.verdict import Method

if TYPE_CHECKING:
    from lastgood.app.following import Snapshot
    from lastgood.app.project import Project
    from lastgood.model.plan import Plan

app = typer.Typer()


class Terminal:
    """The story on the terminal's stderr."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def tell(self, text: str) -> None:
        """A line."""
        self._session.tell(text)

    def show_plan(self, plan: Plan) -> None:
        """The plan."""
        self._session.tell(plan_text(plan))

    def follow(self, project: Project, run_id: str) -> Snapshot:
        """The steps, live."""
        return show(self._session.err, follow(project, run_id))


@command(app)
def demo(
    session: Session,
    method: Annotated[Method, typer.Option("--method", help="The way back.")] = Method.AUTO,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the production running, to try things.")
    ] = False,
) -> ExitCode:
    """Watch a bad release being rolled back, here, on real parts."""
    from lastgood.cli.doing import answer  # noqa: PLC0415 - only when it runs
    from lastgood.demo.production import Production  # noqa: PLC0415 - likewise
    from lastgood.demo.story import tell_story  # noqa: PLC0415 - likewise

    root = Path(tempfile.mkdtemp(prefix="lastgood-demo-"))
    with Production.start(root / "production") as production:
        told = tell_story(production, root / "project", method, Terminal(session))
        session.project = told.project
        session.tell(
            f"failed requests: {told.before.share_failed:.1%} -> {told.after.share_failed:.1%} of {told.after.requests}"
        )
        return answer(session, told.last)
