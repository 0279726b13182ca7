"""`lastgood demo`."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from lastgood.app.following import follow
from lastgood.app.project import Project
from lastgood.cli.decide import verdict_text
from lastgood.cli.doing import exit_code
from lastgood.cli.live import clock, headline, show, steps_table
from lastgood.cli.plan_text import plan_text
from lastgood.cli.session import Session, command
from lastgood.errors import ExitCode
from lastgood.model.verdict import Method

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from lastgood.app.following import Snapshot
    from lastgood.demo.production import Production
    from lastgood.demo.story import Told
    from lastgood.model.plan import Plan
    from lastgood.model.verdict import Verdict

app = typer.Typer()


class Terminal:
    """The story on the terminal's stderr, each line with the time since its beginning."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._begun = time.monotonic()

    def tell(self, text: str) -> None:
        """A line."""
        passed = clock(time.monotonic() - self._begun)
        self._session.tell(Text(f"{passed}  ", "dim").append(text, "default"))

    def show_verdict(self, verdict: Verdict) -> None:
        """The verdict with its path and evidence."""
        self.tell("lastgood saw it:")
        self._session.tell(verdict_text(verdict))

    def show_plan(self, plan: Plan) -> None:
        """The plan."""
        self.tell("the plan:")
        self._session.tell(plan_text(plan))

    def follow(self, project: Project, run_id: str) -> Snapshot:
        """The steps, live."""
        self.tell("the rollback:")
        last = show(self._session.err, follow(project, run_id))
        self._session.tell(steps_table(last))
        return last


@command(app)
def demo(
    session: Session,
    method: Annotated[Method, typer.Option("--method", help="The way back.")] = Method.AUTO,
    stop: Annotated[
        Path | None, typer.Option("--stop", help="Take down what --keep left, by its folder.")
    ] = None,
    *,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the production running, to try things.")
    ] = False,
) -> ExitCode:
    """Watch a bad release being rolled back, here, on real parts."""
    from lastgood.demo.configuration import write_configuration  # noqa: PLC0415 - when it runs
    from lastgood.demo.host import stop as stop_host  # noqa: PLC0415 - likewise
    from lastgood.demo.production import Production  # noqa: PLC0415 - likewise
    from lastgood.demo.story import tell_story  # noqa: PLC0415 - likewise

    if stop is not None:
        stop_host(stop)
        session.tell(f"{stop} is taken down")
        return ExitCode.GOOD
    stage = Terminal(session)
    root = Path(tempfile.mkdtemp(prefix="lastgood-demo-"))
    with _ended_by_signals(), Production.start(root) as production:
        project = Project.open(write_configuration(production, root / "project"))
        told = tell_story(project, production, method, stage)
        code = _answer(session, told)
        if keep:
            production.keep()
            _say_what_to_try(session, production, project)
        else:
            project.state.close()
    return code


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the demo as Ctrl-C does: by taking everything down."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    former = {n: signal.signal(n, interrupt) for n in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


def _answer(session: Session, told: Told) -> ExitCode:
    """The rollback's document, or for people the timeline, the figures and the report's place."""
    from lastgood.app.reporting import compose, report  # noqa: PLC0415 - when it runs
    from lastgood.model.watch import WatchKind  # noqa: PLC0415 - likewise
    from lastgood.report.documents import run_document  # noqa: PLC0415 - likewise

    project, last = told.project, told.last
    # The production goes, the report stays: it is what the demo was for.
    kept = Path(tempfile.gettempdir()) / f"lastgood-demo-{last.run.id}.md"
    shutil.copyfile(report(project, last.run.id), kept)
    watches = project.state.watches.of(WatchKind.STABILITY, last.run.id)
    document = run_document(last.run, last.steps, watches[0] if watches else None, str(kept))
    document["traffic"] = {
        "before": {"requests": told.before.requests, "failed": told.before.failed},
        "after": {"requests": told.after.requests, "failed": told.after.failed},
    }
    if session.as_json:
        session.say(document, lambda: "")
        return exit_code(last)
    timeline = compose(project, last.run.id).timeline
    lines = "\n".join(f"  {event.at:%H:%M:%S}  {event.text}" for event in timeline)
    session.say(document, lambda: Text(f"timeline (UTC):\n{lines}"))
    session.say(document, lambda: headline(last))
    session.say(
        document,
        lambda: (
            f"failed requests: {told.before.share_failed:.1%} of {told.before.requests} before,"
            f" {told.after.share_failed:.1%} of {told.after.requests} after the proof"
        ),
    )
    session.say(document, lambda: Text(f"report: {kept}"))
    return exit_code(last)


def _say_what_to_try(session: Session, production: Production, project: Project) -> None:
    folder, root = project.settings.folder, production.layout.root
    session.tell(
        Text(
            f"the production is kept at {production.edge_url}. Try:\n"
            f"  cd {folder}\n"
            "  lastgood status\n"
            "  lastgood check\n"
            "  lastgood releases list\n"
            "  lastgood undo --reason 'look again' --dry-run\n"
            f"when done: lastgood demo --stop {root}"
        )
    )
