"""What a person asks for, in their own words: revisions are not resolved yet."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from lastgood.errors import RefusedError, UsageError
from lastgood.model.noun import Noun
from lastgood.model.plan import PlanKind
from lastgood.model.run import StepState
from lastgood.model.statement import Statement
from lastgood.model.verdict import Method
from lastgood.plan.request import Acceptance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.app.project import Project

MOST_DIGITS = 18
EVERY = ""
"""The key of a revision that was named without a service."""


class Request(Noun, frozen=True, kw_only=True):
    """A rollback or an undo, as it was asked for.

    Attributes:
        to: the revision for each service; `EVERY` for a revision without one.
        undoes: the run to undo.
        code: whether services go back.
        databases: the databases that were named.
        with_database: whether databases go back, too; None leaves it to the judge.
        backup: the backup that was named.
        acceptance: the loss of data that was accepted.
        drop_slots: logical replication slots may be dropped.
        restores: a backup may be restored first; else only what stands comes into question.
        descends: its own migrations may bring a database back; else only a copy does.
        physical: databases go back by the files of their server.
        at: the moment then; else a backup's restore point.
        whole_server: other databases of that server may go back with them.
    """

    kind: PlanKind = PlanKind.ROLLBACK
    services: tuple[str, ...] = ()
    to: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it for each instance
    method: Method = Method.AUTO
    drop: str | None = None
    reason: str = ""
    undoes: str | None = None
    statement: Statement = Statement()
    code: bool = True
    databases: tuple[str, ...] = ()
    with_database: bool | None = None
    backup: str | None = None
    acceptance: Acceptance | None = None
    drop_slots: bool = False
    restores: bool = True
    descends: bool = True
    physical: bool = False
    at: datetime | None = None
    whole_server: bool = False


class Data(Noun, frozen=True, kw_only=True):
    """What is asked of databases, in the command line's words.

    Attributes:
        wanted: whether they go back; None leaves it to the judge.
        database: the one that was named.
        backup: the backup to go back to.
        accept_loss: a number of rows, or `unknown`.
        drop_slots: logical replication slots may be dropped.
        code: whether services go back, too.
        restores: a backup may be restored first; else only what stands comes into question.
        descends: its own migrations may bring a database back; else only a copy does.
        physical: databases go back by the files of their server.
        at: the moment then; else a backup's restore point.
        whole_server: other databases of that server may go back with them.
    """

    wanted: bool | None = None
    database: str | None = None
    backup: str | None = None
    accept_loss: str | None = None
    drop_slots: bool = False
    code: bool = True
    restores: bool = True
    descends: bool = True
    physical: bool = False
    at: datetime | None = None
    whole_server: bool = False


def _of_data(project: Project, data: Data) -> dict[str, Any]:
    if data.database is not None and data.database not in project.environment.databases:
        raise UsageError(
            f"there is no database {data.database[:70]!r} in {project.name}",
            mend=f"name one of: {', '.join(sorted(project.environment.databases)) or 'none is'}",
            code="which-database",
        )
    if data.wanted and not project.environment.databases:
        raise RefusedError(
            f"no database of {project.name} can go back",
            cause=f"none is described under `databases` in {project.settings.file}",
            mend="roll the code back: --without-database",
            code="method-impossible",
        )
    return {
        "code": data.code,
        "databases": (data.database,) if data.database is not None else (),
        "with_database": data.wanted,
        "backup": data.backup,
        "acceptance": acceptance(data.accept_loss),
        "drop_slots": data.drop_slots,
        "restores": data.restores,
        "descends": data.descends,
        "physical": data.physical,
        "at": data.at,
        "whole_server": data.whole_server,
    }


def acceptance(said: str | None) -> Acceptance | None:
    """The loss that was accepted, from the command line's word.

    Raises:
        UsageError: it is neither a number nor `unknown`.
    """
    if said is None:
        return None
    if said == "unknown":
        return Acceptance(rows=None)
    if not said.isascii() or not said.isdecimal() or len(said) > MOST_DIGITS:
        raise UsageError(
            f"--accept-loss {said[:40]!r} is no number of rows", mend="a number, or: unknown"
        )
    return Acceptance(rows=int(said))


def rollback_request(
    project: Project,
    *,
    to: Sequence[str],
    drop: str | None,
    services: Sequence[str],
    method: Method,
    reason: str,
    data: Data | None = None,
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
        **_of_data(project, data or Data()),
    )


def undo_request(
    project: Project, run_id: str | None, reason: str, data: Data | None = None
) -> Request:
    """The undo of a run, or of the newest run that changed the environment.

    Raises:
        RefusedError: no run has changed it (`nothing-to-undo`), or that one is still open.
    """
    journal = project.state.journal
    runs = [journal.run(run_id)] if run_id else journal.runs(project.name)
    for run in runs:
        if run.outcome is not None and _changed(project, run.id):
            return Request(
                kind=PlanKind.UNDO,
                undoes=run.id,
                reason=project.said(reason),
                **_of_data(project, data or Data()),
            )
    raise RefusedError(
        f"there is nothing to undo in {project.name}",
        cause="no ended run has changed it" if not run_id else f"{run_id} changed nothing",
        mend="see: lastgood status",
        code="nothing-to-undo",
    )


def _changed(project: Project, run_id: str) -> bool:
    deployments = project.state.ledger.deployments(project.name)
    if any(deployment.run == run_id for deployment in deployments):
        return True
    steps = project.state.journal.steps(run_id)
    return any(
        s.step.startswith(("swap:", "downgrade:")) and s.state is StepState.DONE for s in steps
    )
