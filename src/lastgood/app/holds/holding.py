"""Holds: in the ledger and, where a repository is configured, as refs that every machine sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import structs

from lastgood.app.project import now, operator
from lastgood.app.repositories import patiently
from lastgood.errors import LastgoodError, RefusedError, StateError
from lastgood.model.hold import Hold, PublishedHold
from lastgood.model.noun import from_json, to_json
from lastgood.model.release import Standing, contents

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lastgood.app.project import Project
    from lastgood.app.wiring import Drivers
    from lastgood.ports.action import Action
    from lastgood.ports.repository import Repository
    from lastgood.store.state import State

_MOST_SHOWN = 500


NO_REASON = "no reason was given"


def hold_ref(environment: str, service: str, commit: str) -> str:
    """Where a hold lives below `refs/lastgood/`."""
    return f"{environment}/hold/{service}/{commit}"


class HoldKeeper:
    """Sets and lifts holds in both places; the ledger first, since it is ours."""

    def __init__(self, project: Project, drivers: Drivers, run: str | None = None) -> None:
        self._project = project
        self._drivers = drivers
        self._run = run
        self._shown: dict[tuple[str, str], tuple[str, ...]] = {}

    async def is_held(self, service: str, commit: str) -> bool:
        """Whether the ledger holds exactly this release."""
        return self.find(service, commit) is not None

    def find(self, service: str, commit: str) -> Hold | None:
        """The hold that stands on exactly this release."""
        standing = self._project.state.holds.standing(self._project.name, service)
        return next((hold for hold in standing if hold.commit == commit), None)

    async def hold(
        self, service: str, commit: str, reason: str, action: Action | None = None
    ) -> str:
        """Set a hold; gives a warning when the repository could not be told."""
        if action is not None:
            action.fence()
        state, name = self._project.state, self._project.name
        with state.transaction():
            reason = reason or NO_REASON
            hold = state.holds.set(
                name, service, commit, reason=reason, by=operator(), at=now(), run=self._run
            )
            state.events.append(
                "hold.set", operator(), f"{service} {commit[:12]} is held: {reason}",
                at=now(), environment=name, run=self._run,
                data={"service": service, "commit": commit},
            )  # fmt: skip
        return await self._publish(service, hold, action)

    def adopt(self, hold: Hold) -> None:
        """Write a hold that another machine set into the ledger here, so that it can be lifted.

        What that machine lets pass goes on passing when it is published anew.
        """
        if isinstance(hold, PublishedHold):
            self._shown[hold.service, hold.commit] = hold.good
        if self.find(hold.service, hold.commit) is None:
            self._project.state.holds.set(
                self._project.name, hold.service, hold.commit,
                reason=hold.reason, by=hold.by, at=hold.at, run=hold.run,
            )  # fmt: skip

    async def lift(
        self, service: str, commit: str, reason: str, action: Action | None = None
    ) -> str:
        """Lift a hold; gives a warning when the repository could not be told."""
        hold = self.find(service, commit)
        if hold is None:
            return ""
        if action is not None:
            action.fence()
        state, name = self._project.state, self._project.name
        with state.transaction():
            state.holds.lift(hold.id, by=operator(), reason=reason, at=now())
            state.events.append(
                "hold.lifted", operator(), f"{service} {commit[:12]} is no longer held: {reason}",
                at=now(), environment=name, run=self._run,
                data={"service": service, "commit": commit},
            )  # fmt: skip
        repository = self._drivers.repositories.get(service)
        if repository is None:
            return ""
        try:
            await patiently(
                repository, _drop_ref(repository, hold_ref(name, service, commit), action)
            )
        except LastgoodError as error:
            return f"the repository still shows the hold: {error}"
        return ""

    async def allow_fix(self, service: str, commit: str, fix: str, reason: str) -> str:
        """Let the fix, and what is built on it, through a hold that goes on standing.

        Raises:
            RefusedError: the release is not held (code `not-held`).
        """
        hold = self.find(service, commit)
        if hold is None:
            raise RefusedError(
                f"{service} {commit[:12]} is not held",
                mend="see: lastgood hold show",
                code="not-held",
            )
        state, name = self._project.state, self._project.name
        with state.transaction():
            state.holds.allow_fix(hold.id, fix, by=operator(), reason=reason, at=now())
            state.events.append(
                "hold.fix-named", operator(),
                f"{service}: {fix[:12]} may be deployed over {commit[:12]}: {reason}",
                at=now(), environment=name, data={"service": service, "fix": fix},
            )  # fmt: skip
        fixed = self.find(service, commit)
        return await self._publish(service, fixed, None) if fixed else ""

    async def _publish(self, service: str, hold: Hold, action: Action | None) -> str:
        repository = self._drivers.repositories.get(service)
        if repository is None:
            return ""
        name = hold_ref(self._project.name, service, hold.commit)
        good = self._shown.get((service, hold.commit), ())
        shown = PublishedHold(**structs.asdict(hold), good=good)
        good = tuple(passing(self._project, shown)[:_MOST_SHOWN])
        shown = structs.replace(shown, good=good)
        try:
            await patiently(repository, _put_ref(repository, name, to_json(shown), action))
        except LastgoodError as error:
            return f"the hold is not in the repository: {error}"
        return ""


def passing(project: Project, hold: Hold) -> list[str]:
    """The releases whose content may be deployed although it stands on the held one.

    Where the hold's own rollback went, else the gate would refuse the very commit that brings it
    about, and what is known good. What the held release itself carries is not among them.
    """
    shown = hold.good if isinstance(hold, PublishedHold) else ()
    try:
        state = project.existing_state
        releases = state.ledger.releases(project.name, hold.service)
    except StateError:
        return [commit for commit in shown if commit != hold.commit]
    carried = contents(releases)
    bad = {hold.commit, *(r.commit for r in releases if r.standing is Standing.BAD)}
    bad |= {carried[commit] for commit in bad & carried.keys()}
    good = (r.commit for r in releases if r.standing is Standing.KNOWN_GOOD)
    wanted = (carried.get(one, one) for one in (*_went_to(state, hold), *good, *shown))
    return [commit for commit in dict.fromkeys(wanted) if commit not in bad]


def _went_to(state: State, hold: Hold) -> list[str]:
    """The release that the rollback which set the hold went back to."""
    try:
        plan = state.journal.run(hold.run or "").plan
    except RefusedError:  # a person set it, or another machine's run
        return []
    return [m.target for m in plan.moves if m.service == hold.service and m.drop is None]


async def known_holds(
    project: Project, repositories: Iterable[Repository]
) -> tuple[list[Hold], list[LastgoodError]]:
    """The environment's standing holds by ledger and refs, and what could not be read.

    Other machines' ledgers are not seen, their refs are. That there is no state here is no trouble
    where the refs could be read: a CI job elsewhere has none.
    """
    known: dict[tuple[str, str], Hold] = {}
    troubles: list[LastgoodError] = []
    refs_read = False
    for repository in repositories:
        try:
            published = await patiently(repository, holds_in_refs(repository, project.name))
        except LastgoodError as error:
            troubles.append(error)
        else:
            known |= {(hold.service, hold.commit): hold for hold in published}
            refs_read = True
    try:
        standing = project.existing_state.holds.standing(project.name)
    except StateError as error:
        if error.code != "no-state" or not refs_read:
            troubles.append(error)
    else:
        known = {(hold.service, hold.commit): hold for hold in standing} | known
    return [hold for hold in known.values() if hold.stands], troubles


async def holds_in_refs(repository: Repository, environment: str) -> Sequence[Hold]:
    """The holds that the repository shows.

    Raises:
        RemoteError: it cannot be read.
        StateError: one of them is not readable.
    """
    refs = await repository.read_refs(f"{environment}/hold/")
    try:
        return [from_json(ref.text, PublishedHold) for ref in refs.values()]
    except ValueError as error:
        raise StateError(
            "a hold in the repository is not readable",
            cause=f"{error}, in one of: {', '.join(refs)}",
            mend="look who wrote it, then remove the ref: git push REMOTE --delete "
            f"refs/lastgood/{environment}/hold/SERVICE/COMMIT",
            code="hold-unreadable",
        ) from error


async def _object_of(repository: Repository, name: str) -> str | None:
    # What begins with this name is read too: the hold of v1.1, when v1's is meant.
    ref = (await repository.read_refs(name)).get(name)
    return ref.object if ref else None


async def _put_ref(repository: Repository, name: str, text: str, action: Action | None) -> None:
    await repository.write_ref(name, text, await _object_of(repository, name), action)


async def _drop_ref(repository: Repository, name: str, action: Action | None) -> None:
    present = await _object_of(repository, name)
    if present is not None:
        await repository.delete_ref(name, present, action)
