"""What a person asks for, in their own words: revisions are not resolved yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.errors import RefusedError, UsageError
from lastgood.model.noun import Noun
from lastgood.model.plan import PlanKind
from lastgood.model.statement import Statement
from lastgood.model.verdict import Method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.app.project import Project

EVERY = ""
"""The key of a revision that was named without a service."""


class Request(Noun, frozen=True, kw_only=True):
    """A rollback or an undo, as it was asked for.

    Attributes:
        to: the revision for each service; `EVERY` for a revision without one.
        undoes: the run to undo.
    """

    kind: PlanKind = PlanKind.ROLLBACK
    services: tuple[str, ...] = ()
    to: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it for each instance
    method: Method = Method.AUTO
    drop: str | None = None
    reason: str = ""
    undoes: str | None = None
    statement: Statement = Statement()


def rollback_request(
    project: Project,
    *,
    to: Sequence[str],
    drop: str | None,
    services: Sequence[str],
    method: Method,
    reason: str,
) -> Request:
    """A rollback from the command line's words.

    Raises:
        UsageError: a service is unknown, or named twice.
    """
    known = tuple(project.environment.services)
    for service in services:
        if service not in known:
            raise UsageError(
                f"there is no service {service!r} in {project.name}",
                mend=f"name one of: {', '.join(known) or 'none is configured'}",
                code="unknown-service",
            )
    named: dict[str, str] = {}
    for word in to:
        service, sign, revision = word.partition("=")
        key, value = (service, revision) if sign and service in known else (EVERY, word)
        if not value:
            raise UsageError(f"--to {word!r} names no revision", mend="--to [SERVICE=]REVISION")
        if key in named:
            raise UsageError(
                f"--to names two revisions for {key or 'every service'}",
                mend="name each service once: --to SERVICE=REVISION",
            )
        named[key] = value
    return Request(
        services=tuple(dict.fromkeys(services)),
        to=named,
        drop=drop,
        method=method,
        reason=project.said(reason),
    )


def undo_request(project: Project, run_id: str | None, reason: str) -> Request:
    """The undo of a run, or of the newest run that changed the environment.

    Raises:
        RefusedError: no run has changed it (`nothing-to-undo`), or that one is still open.
    """
    journal = project.state.journal
    runs = [journal.run(run_id)] if run_id else journal.runs(project.name)
    for run in runs:
        if run.outcome is not None and _changed(project, run.id):
            return Request(kind=PlanKind.UNDO, undoes=run.id, reason=project.said(reason))
    raise RefusedError(
        f"there is nothing to undo in {project.name}",
        cause="no ended run has changed it" if not run_id else f"{run_id} changed nothing",
        mend="see: lastgood status",
        code="nothing-to-undo",
    )


def _changed(project: Project, run_id: str) -> bool:
    deployments = project.state.ledger.deployments(project.name)
    return any(deployment.run == run_id for deployment in deployments)
