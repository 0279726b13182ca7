"""Gathering what a plan is made from: targets resolved, drivers surveyed, history read."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from lastgood.app.databases.surveying import survey_databases
from lastgood.app.holds.holding import known_holds
from lastgood.app.project import now, operator
from lastgood.app.repositories import patiently
from lastgood.app.request import EVERY
from lastgood.config import config_hash
from lastgood.errors import LastgoodError, RefusedError, RemoteError
from lastgood.model.release import contents
from lastgood.model.revision import same_version
from lastgood.model.run import StepState
from lastgood.model.verdict import Damage, Decision, Method
from lastgood.plan.planner import make_plan
from lastgood.plan.request import PastStep, PlanRequest, ServiceFacts
from lastgood.plan.target import candidates, origin_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.app.project import Project
    from lastgood.app.request import Request
    from lastgood.app.wiring import Drivers
    from lastgood.model.hold import Hold
    from lastgood.model.observation import Observation, ServiceView
    from lastgood.model.plan import Plan
    from lastgood.model.release import Release
    from lastgood.model.route import Route
    from lastgood.model.verdict import Verdict
    from lastgood.ports.deploy import Deployer

MOST_CANDIDATES = 5
"""How many known good releases are surveyed until one can still be deployed."""


async def plan(
    project: Project,
    drivers: Drivers,
    request: Request,
    observation: Observation,
    verdict: Verdict | None,
) -> Plan:
    """Make the plan, changing nothing.

    Raises:
        RefusedError: a named revision is unknown.
        RemoteError: no deploy driver of a service could be asked.
    """
    state, environment = project.state, project.name
    undone = state.journal.run(request.undoes).plan if request.undoes else None
    # What cannot be read here is warned of by whoever surveys the repository.
    repositories = [repository for _, repository in drivers.distinct_repositories()]
    holds, _ = await known_holds(project, repositories)
    wanted = PlanRequest(
        environment=environment,
        kind=request.kind,
        services=request.services,
        targets=await _targets(drivers, request),
        method=request.method,
        drop=request.drop,
        reason=request.reason,
        undoes=request.undoes,
        by=operator(),
    )
    wanted = _with_databases(project, request, wanted, verdict, undone)
    if undone is not None:
        origins = {m.service: m.origin for m in undone.moves if m.origin is not None}
        wanted = msgspec.structs.replace(wanted, targets=origins)
    facts = await asyncio.gather(
        *(
            _facts(project, drivers, wanted, observation.services[service], holds)
            for service in project.environment.services
        )
    )
    live = frozenset(one.live for one in facts if one.live is not None)
    databases = await survey_databases(project, wanted, undone, live)
    past = [
        PastStep(
            kind=d.kind, seconds=d.seconds, service=d.service,
            method=Method(d.method) if d.method else None,
        )
        for d in state.journal.durations(environment)
    ]  # fmt: skip
    advised = verdict if verdict and verdict.decision is Decision.ROLLBACK else None
    return make_plan(
        wanted,
        services=facts,
        budget_s=project.environment.budget,
        now=now(),
        holds=holds,
        databases=databases,
        stoppable=[n for n, s in project.environment.services.items() if s.stop and s.start],
        past=past,
        verdict=advised,
        undone=undone,
        this_machine_only=not drivers.repositories,
        config_hash=config_hash(project.settings),
    )


def _with_databases(
    project: Project,
    request: Request,
    wanted: PlanRequest,
    verdict: Verdict | None,
    undone: Plan | None,
) -> PlanRequest:
    """Which databases go back, too: the named, those of the run that is undone, or the judge's."""
    asked = request.with_database
    if asked is None and wanted.method in {Method.DATABASE, Method.FULL}:
        asked = True
    also = asked if asked is not None else verdict is not None and verdict.damaged
    names = request.databases or tuple(sorted(project.environment.databases))
    if undone is not None and request.undoes is not None:
        swapped = _swapped(project, request.undoes, undone)
        names = tuple(name for name in swapped if request.databases in ((), (name,)))
        also, asked = request.with_database is not False, True
    return msgspec.structs.replace(
        wanted,
        code=request.code and wanted.method is not Method.DATABASE,
        databases=names if also else (),
        backup=request.backup,
        acceptance=request.acceptance,
        drop_slots=request.drop_slots,
        restores=request.restores,
        physical=request.physical,
        at=request.at,
        whole_server=request.whole_server,
        insists=bool(asked),
        damage=verdict.damage if verdict is not None and request.descends else Damage.NONE,
    )


def _swapped(project: Project, run: str, plan: Plan) -> list[str]:
    """The databases that a run has replaced."""
    steps = project.state.journal.steps(run)
    done = {record.step for record in steps if record.state is StepState.DONE}
    return [e.database for e in plan.exchanges if f"swap:{e.database}" in done]


async def _targets(drivers: Drivers, request: Request) -> dict[str, str]:
    """The full commit for each service that has a named revision."""
    targets = {}
    unknown: RefusedError | None = None
    meant = request.services or tuple(drivers.deployers)
    for service in meant:
        revision = request.to.get(service, request.to.get(EVERY))
        if revision is None:
            continue
        try:
            targets[service] = await _resolve(drivers.deployers[service], revision)
        except RefusedError as error:
            if request.services or service in request.to:
                raise
            unknown = error  # the revision may be another service's
    if unknown is not None and not targets:
        raise unknown
    return targets


async def _resolve(deployers: Sequence[Deployer], revision: str) -> str:
    first: LastgoodError | None = None
    for deployer in deployers:
        try:
            return await deployer.resolve(revision)
        except LastgoodError as error:
            first = first or error
    if first is None:
        raise RefusedError(f"nothing can tell what {revision!r} is", code="unknown-revision")
    raise first


async def _facts(
    project: Project,
    drivers: Drivers,
    wanted: PlanRequest,
    view: ServiceView,
    holds: Sequence[Hold],
) -> ServiceFacts:
    facts = await known_facts(project, drivers, view, holds)
    meant = not wanted.services or view.name in wanted.services
    if wanted.targets:
        meant = view.name in wanted.targets
    if not meant:
        return facts
    deployers = drivers.deployers[view.name]
    return msgspec.structs.replace(facts, routes=await _routes(deployers, wanted, facts, holds))


async def known_facts(
    project: Project, drivers: Drivers, view: ServiceView, holds: Sequence[Hold]
) -> ServiceFacts:
    """What is known of a service before its deploy drivers are asked for routes."""
    service = project.environment.services[view.name]
    deployers = drivers.deployers[view.name]
    repository = drivers.repositories.get(view.name)
    releases = tuple(project.state.ledger.releases(project.name, view.name))
    facts = ServiceFacts(
        name=view.name,
        live=running(view),
        strays=strays(view, releases),
        releases=releases,
        shared_key=repository.shared_key if repository else None,
        names_version=any(drivers.checks[name].names_version for name in service.checks),
        tells_current=any(deployer.tells_current for deployer in deployers),
        every_instance=service.instances is not None,
    )
    return msgspec.structs.replace(facts, built_on_held=await _built_on_held(drivers, facts, holds))


def running(view: ServiceView) -> str | None:
    """What runs: by the deploy driver, else by what answers with one voice, else by the ledger."""
    if view.live is not None:
        return view.live
    voices = {version for version in view.answering.values() if version}
    return voices.pop() if len(voices) == 1 else view.recorded


def strays(view: ServiceView, releases: Sequence[Release]) -> dict[str, str]:
    """The instances that answer something else than what runs, and what they answer."""
    live = running(view)
    if live is None:
        return {}
    carried = contents(releases)
    same = {live, carried.get(live, live)}
    return {
        instance: version
        for instance, version in view.answering.items()
        if version is not None
        and carried.get(version, version) not in same
        and not any(same_version(version, one) for one in same)
    }


async def _built_on_held(
    drivers: Drivers, facts: ServiceFacts, holds: Sequence[Hold]
) -> tuple[str, ...]:
    """The releases that are built on a held one, where a repository can tell."""
    repository = drivers.repositories.get(facts.name)
    held = [hold.commit for hold in holds if hold.service == facts.name and hold.stands]
    if repository is None or not held:
        return ()
    found: list[str] = []
    for release in facts.releases:
        if release.same_tree_as is not None:
            continue  # its tree is known: what a rollback made
        for commit in held:
            try:
                built_on = await patiently(repository, repository.descends(release.commit, commit))
            except RefusedError:
                built_on = False  # one of them is not in the repository
            except RemoteError:
                return tuple(dict.fromkeys(found))  # git is down: the exact holds still count
            if built_on:
                found.append(release.commit)
    return tuple(dict.fromkeys(found))


async def _routes(
    deployers: Sequence[Deployer], wanted: PlanRequest, facts: ServiceFacts, holds: Sequence[Hold]
) -> tuple[Route, ...]:
    """What the drivers say of each candidate, until one can be reached."""
    routes: list[Route] = []
    for commit in candidates(wanted, facts, holds)[:MOST_CANDIDATES]:
        surveyed = await _survey(deployers, commit, origin_for(facts, commit), wanted)
        routes += surveyed
        if any(_fits(route, wanted.method) for route in surveyed):
            break
    return tuple(routes)


def _fits(route: Route, method: Method) -> bool:
    """Whether a route can be taken by the method that was asked for."""
    return not route.problems and method in {Method.AUTO, route.method}


async def _survey(
    deployers: Sequence[Deployer], target: str, origin: str | None, wanted: PlanRequest
) -> list[Route]:
    """The drivers' routes, cheapest first, until one can be taken.

    A driver that cannot be asked is left out unless all are: a git host that is down must not stand
    in the way of a release that is kept here.
    """
    routes: list[Route] = []
    troubles: list[LastgoodError] = []
    for index, deployer in enumerate(deployers):
        try:
            surveyed = await deployer.survey(target, origin, wanted.drop)
        except LastgoodError as error:
            troubles.append(error)
        else:
            routes += [msgspec.structs.replace(route, index=index) for route in surveyed]
        if any(_fits(route, wanted.method) for route in routes):
            break
    if troubles and not routes:
        raise troubles[0]
    return routes
