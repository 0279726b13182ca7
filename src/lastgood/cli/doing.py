"""The common way of `rollback` and `undo`: plan, show, confirm, submit, follow, report."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import typer
from rich.text import Text

from lastgood.app import flow
from lastgood.app.project import now
from lastgood.app.reporting import report
from lastgood.app.request import acceptance
from lastgood.app.runs.following import follow
from lastgood.app.runs.submitting import submit, wake
from lastgood.cli.live import headline, show, steps_table
from lastgood.cli.plan_text import plan_text
from lastgood.errors import ExitCode, InterruptedByPersonError
from lastgood.model.exchange import Way
from lastgood.model.run import Outcome
from lastgood.model.watch import WatchKind
from lastgood.plan.exchanges import DATA_BARRED, DATA_STAYS, UNACCEPTED
from lastgood.report.documents import plan_document, run_document, within_budget

if TYPE_CHECKING:
    from lastgood.app.request import Request
    from lastgood.app.runs.following import Snapshot
    from lastgood.cli.session import Session
    from lastgood.model.plan import Plan
    from lastgood.plan.request import Acceptance

PLANNING_S = 30.0
"""How long a runner that was started early waits for the plan to be approved."""


@dataclass(frozen=True)
class Going:
    """How far to go: `--confirm`, `--dry-run`, `--take-over`."""

    confirm: str | None = None
    dry_run: bool = False
    take_over: str | None = None


def carry_through(session: Session, request: Request, going: Going) -> ExitCode:
    """From the command to the proof."""
    commanded_at = now()
    project = session.project
    if not going.dry_run:
        if going.confirm is not None or not session.interactive:
            session.confirm(project.name, going.confirm, "")
        if going.take_over is None:
            # Said at once, and not as what a plan looks like in the middle of another's run.
            project.state.locks.require_free(project.name)
            # Not where a run is to be taken over: a runner would first of all go on with it.
            wake(project, linger_s=PLANNING_S)
    # No event loop is left when a person is asked: it would keep their first Ctrl-C to itself.
    prepared = asyncio.run(flow.prepare(project, request))
    if session.interactive and not going.dry_run and _only_unaccepted(prepared.plan):
        request = msgspec.structs.replace(request, acceptance=_asked(session, prepared.plan))
        commanded_at = now()
        prepared = asyncio.run(flow.prepare(project, request))
    if going.dry_run:
        session.say(plan_document(prepared.plan), lambda: plan_text(prepared.plan))
        return ExitCode.REFUSED if prepared.plan.refusals else ExitCode.GOOD
    session.tell(plan_text(prepared.plan))
    if not prepared.plan.refusals and going.confirm is None:
        session.confirm(project.name, None, f"This changes {project.name}.")
        commanded_at = now()  # a person's thinking is not the machine's time
    run = submit(
        project,
        prepared.plan,
        observation=prepared.observation,
        verdict=prepared.verdict,
        commanded_at=commanded_at,
        take_over=going.take_over,
    )
    wake(project)
    return follow_to_end(session, run.id)


def _only_unaccepted(plan: Plan) -> bool:
    """Whether nothing but a person's word for the lost rows is missing."""
    stays = any(warning.code == DATA_STAYS for warning in plan.warnings)
    return stays or {refusal.code for refusal in plan.refusals} == {UNACCEPTED}


def _asked(session: Session, plan: Plan) -> Acceptance | None:
    """The loss that a person accepts, by typing its number of rows."""
    session.tell(plan_text(plan))
    asked = "Type how many rows may vanish (the count above, or: unknown); nothing: no data goes"
    return acceptance(typer.prompt(asked, err=True, default="", show_default=False) or None)


def follow_to_end(session: Session, run_id: str) -> ExitCode:
    """Show a run until it ends, then answer with it.

    Raises:
        InterruptedByPersonError: a person stopped the watching; the run goes on.
    """
    project = session.project
    try:
        if session.quiet:
            *_, last = follow(project, run_id)
        else:
            last = show(session.err, follow(project, run_id))
    except KeyboardInterrupt:
        raise InterruptedByPersonError(
            f"{run_id} is not watched any more; it goes on",
            mend="come back to it: lastgood watch; stop it: lastgood cancel",
        ) from None
    return answer(session, last)


def answer(session: Session, last: Snapshot) -> ExitCode:
    """The run's document and exit code; for people the steps, the proof and what to do next."""
    project = session.project
    path = report(project, last.run.id)
    watches = project.state.watches.of(WatchKind.STABILITY, last.run.id)
    document = run_document(last.run, last.steps, watches[0] if watches else None, str(path))
    if session.as_json:
        session.say(document, lambda: "")
    elif not session.quiet:
        session.out.print(headline(last))
        session.out.print(steps_table(last))
        session.out.print(Text(f"report: {path}", "dim"), soft_wrap=True)
        session.out.print(Text(_next(last), "bold"))
    return exit_code(last)


def exit_code(last: Snapshot) -> ExitCode:
    """The contract's exit code for an ended run."""
    run = last.run
    if run.outcome is Outcome.RECOVERED:
        return ExitCode.GOOD if within_budget(run) else ExitCode.OVER_BUDGET
    return ExitCode.REFUSED if run.outcome is Outcome.REFUSED else ExitCode.FAILED


def _after(last: Snapshot) -> str:
    """What remains to be done once production is back."""
    plan, proof = last.run.plan, last.run.proof
    told = (*plan.warnings, *(proof.problems if proof is not None else ()))
    stays = next((one for one in told if one.code in {DATA_STAYS, DATA_BARRED}), None)
    if stays is not None:
        return f"next: the data is as it was. {stays.mend}"
    if any(exchange.way is not Way.QUARANTINE for exchange in plan.exchanges):
        return (
            "next: lastgood watch (stability is being watched); what was written since the backup: "
            "lastgood db salvage --dry-run"
        )
    return "next: lastgood watch (stability is being watched)"


def _next(last: Snapshot) -> str:
    """The next command."""
    match last.run.outcome:
        case Outcome.RECOVERED:
            return _after(last)
        case Outcome.CANCELLED:
            return "next: lastgood status, then lastgood rollback or lastgood undo"
        case _:
            mends = [r.outcome.mend for r in last.steps if r.outcome and r.outcome.mend]
            return f"next: {mends[0]}" if mends else "next: lastgood status"
