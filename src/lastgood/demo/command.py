"""`lastgood demo`."""

from __future__ import annotations

import contextlib
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from lastgood.app.project import Project
from lastgood.cli.doing import exit_code
from lastgood.cli.session import Session, command
from lastgood.errors import ExitCode, RefusedError
from lastgood.model.verdict import Method

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from lastgood.demo.production import Production
    from lastgood.demo.story import Stage, Told

app = typer.Typer()


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
    from lastgood.demo.ending import take_down  # noqa: PLC0415 - when it runs
    from lastgood.demo.story import POSSIBLE  # noqa: PLC0415 - likewise
    from lastgood.demo.terminal import Terminal  # noqa: PLC0415 - likewise

    if stop is not None:
        take_down(stop.resolve())
        session.tell(f"{stop} is taken down", whole=True)
        return ExitCode.GOOD
    if method not in POSSIBLE:
        raise RefusedError(
            f"the demo cannot roll back by the method {method}",
            cause="its miniature production has no such way",
            mend=f"leave --method out, or take one of: {', '.join(POSSIBLE)}",
            code="method-impossible",
        )
    return play(session, Terminal(session), method, keep=keep)


def play(session: Session, stage: Stage, method: Method, *, keep: bool = False) -> ExitCode:
    """Bring the production up, tell the story on it, answer, and take everything down."""
    from lastgood.demo.configuration import write_configuration  # noqa: PLC0415 - when it runs
    from lastgood.demo.ending import end_runner  # noqa: PLC0415 - likewise
    from lastgood.demo.layout import project_folder  # noqa: PLC0415 - likewise
    from lastgood.demo.production import Production  # noqa: PLC0415 - likewise
    from lastgood.demo.story import tell_story  # noqa: PLC0415 - likewise

    root = Path(tempfile.mkdtemp(prefix="lastgood-demo-"))
    with _ended_by_signals(), Production.start(root) as production:
        project = Project.open(write_configuration(production, project_folder(root)))
        try:
            told = tell_story(project, production, method, stage)
            code = _answer(session, told)
            if keep:
                production.keep()
                _say_what_to_try(session, production, project)
        finally:
            if not production.kept:
                end_runner(project.state_folder)
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
    """The rollback's document, or for people what it came to."""
    from lastgood.app.backups.place import place_of  # noqa: PLC0415 - when it runs
    from lastgood.app.reporting import report  # noqa: PLC0415 - likewise
    from lastgood.demo.terminal import came_to  # noqa: PLC0415 - likewise
    from lastgood.model.watch import WatchKind  # noqa: PLC0415 - likewise
    from lastgood.report.backups import backup_document  # noqa: PLC0415 - likewise
    from lastgood.report.documents import plain, run_document  # noqa: PLC0415 - likewise

    project, last = told.project, told.last
    # The production goes, the report stays: it is what the demo was for.
    written = report(project, last.run.id).read_text(encoding="utf-8")
    kept = Path(tempfile.gettempdir()) / f"lastgood-demo-{last.run.id}.md"
    with kept.open("x", encoding="utf-8") as copy:
        copy.write(written)
    watches = project.state.watches.of(WatchKind.STABILITY, last.run.id)
    document = run_document(last.run, last.steps, watches[0] if watches else None, str(kept))
    document["traffic"] = {
        "before": {"requests": told.before.requests, "failed": told.before.failed},
        "after": {"requests": told.after.requests, "failed": told.after.failed},
    }
    if told.orders is not None:
        document["orders"] = plain(told.orders._asdict())
    store = place_of(project, None).store.describe()
    document["backups"] = [backup_document(one, store) for one in told.backups]
    if session.as_json:
        session.say(document, lambda: "")
    elif not session.quiet:
        for part in came_to(told, kept):
            session.out.print(part)
    return exit_code(last)


def _say_what_to_try(session: Session, production: Production, project: Project) -> None:
    folder, root = project.settings.folder, production.layout.root
    session.tell(
        Text(
            f"the shop is kept at {production.edge_url}. Try:\n"
            f"  cd {folder}\n"
            "  lastgood status\n"
            "  lastgood check\n"
            "  lastgood releases list\n"
            "  lastgood backup list\n"
            "  lastgood db quarantine\n"
            "  lastgood undo --reason 'look again' --dry-run\n"
            f"when done: lastgood demo --stop {root}"
        ),
        whole=True,
    )
