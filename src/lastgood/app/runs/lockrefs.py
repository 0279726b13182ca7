"""The environment's lock as a ref: what keeps two machines with states of their own apart."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from lastgood.app.repositories import patiently
from lastgood.errors import LastgoodError, RefusedError
from lastgood.model.noun import Noun, from_json, to_json
from lastgood.model.run import RunState

if TYPE_CHECKING:
    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers
    from lastgood.model.run import Run
    from lastgood.ports.repository import Ref, Repository


_TAKEN = ("locked", "ref-race")


class LockRef(Noun, frozen=True, kw_only=True):
    """What the ref's text says."""

    run: str
    holder: str
    since: datetime


async def take_lock_refs(project: Project, drivers: Drivers, run: Run) -> list[str]:
    """Take the lock in every repository of the environment, compare-and-swap.

    Gives warnings for repositories that cannot be reached or used: a release directory can be
    flipped back while the git host is down, and must be.

    Raises:
        RefusedError: a run of another machine holds it (`locked`), or took it just now
            (`ref-race`).
    """
    name = f"{project.name}/lock"
    ours = LockRef(run=run.id, holder=run.by, since=run.commanded_at)
    warnings = []
    for service, repository in drivers.distinct_repositories():
        try:
            present = await _present(repository, name)
            if present is not None and not _is_ours(project, present.text, run.id):
                raise _locked(project, service, present.text)
            written = repository.write_ref(name, to_json(ours), present.object if present else None)
            await patiently(repository, written)
        except LastgoodError as error:
            if error.code in _TAKEN:
                raise
            warnings.append(f"the lock is not in the repository of {service}: {error}")
    return warnings


async def free_lock_refs(project: Project, drivers: Drivers, run_id: str) -> list[str]:
    """Remove the lock of a run from every repository; gives warnings where that failed.

    A remote that was silent a moment ago is asked all the same: nobody waits for this any more,
    and a lock that stays there keeps every other machine out.
    """
    name = f"{project.name}/lock"
    warnings = []
    for service, repository in drivers.distinct_repositories():
        try:
            present = await _present(repository, name, anyway=True)
            if present is not None and _read(present.text).run == run_id:
                removed = repository.delete_ref(name, present.object)
                await patiently(repository, removed, anyway=True)
        except LastgoodError as error:
            warnings.append(f"the lock is still in the repository of {service}: {error}")
    return warnings


async def lock_ref_holder(project: Project, drivers: Drivers) -> str | None:
    """The run that holds the lock in one of the repositories, whichever machine's it is.

    Raises:
        RemoteError: a repository cannot be read.
    """
    name = f"{project.name}/lock"
    for _, repository in drivers.distinct_repositories():
        present = await _present(repository, name)
        if present is not None:
            return _read(present.text).run
    return None


async def _present(repository: Repository, name: str, *, anyway: bool = False) -> Ref | None:
    return (await patiently(repository, repository.read_refs(name), anyway=anyway)).get(name)


def _is_ours(project: Project, text: str, run_id: str) -> bool:
    """Whether it is this run's, or that of a run of this state which is over.

    The latter is left behind by a crash between the run's end and the ref's removal.
    """
    held = _read(text)
    if held.run == run_id:
        return True
    try:
        return project.state.journal.run(held.run).state is RunState.ENDED
    except RefusedError:
        return False


def _locked(project: Project, service: str, text: str) -> RefusedError:
    held = _read(text)
    return RefusedError(
        f"{project.name} is locked by {held.run} of {held.holder}",
        cause=f"since {held.since.isoformat()}, says the repository of {service}",
        mend="wait for it; when its machine is dead: lastgood unlock --reason TEXT",
        code="locked",
    )


def _read(text: str) -> LockRef:
    try:
        return from_json(text, LockRef)
    except ValueError as error:
        raise RefusedError(
            "the lock in the repository is not readable",
            cause=str(error),
            mend="look who wrote refs/lastgood/, then remove the ref",
            code="locked",
        ) from error
