"""Facts about a service: what runs, where a rollback would go, by which ways, proven by what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.app.facts.fact import Fact, failed
from lastgood.app.observing import observer, recorded, telling
from lastgood.app.planning import MOST_CANDIDATES, known_facts, running
from lastgood.errors import LastgoodError
from lastgood.model.revision import same_version
from lastgood.model.verdict import Method
from lastgood.plan.request import PlanRequest
from lastgood.plan.target import candidates, nothing_known_good, origin_for, why

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lastgood.app.project import Project
    from lastgood.model.observation import ServiceView
    from lastgood.model.problem import Problem
    from lastgood.plan.request import ServiceFacts
    from lastgood.ports.deploy import Deployer


async def service_facts(project: Project, service: str) -> AsyncIterator[Fact]:
    """All that a rollback of one service rests on."""
    async with project.drivers() as drivers:
        watcher = observer(project, drivers)
        view = (await watcher.views(recorded(project), [service]))[service]
        deployers = drivers.deployers[service]
        yield await _runs(view, telling(deployers))
        holds = project.state.holds.standing(project.name)
        known = await known_facts(project, drivers, view, holds)
        yield _proof(project, known)
        yield _instances(view, known)
        request = PlanRequest(environment=project.name)
        targets = candidates(request, known, holds)[:MOST_CANDIDATES]
        if not targets:
            missing = nothing_known_good(request, known)
            yield Fact(name=f"{service}: target", ok=False, what=missing.what, mend=missing.mend)
            return
        reasons = [why(release) for release in known.releases if release.commit == targets[0]]
        what = f"a rollback would go to {targets[0][:12]}, known good"
        yield Fact(name=f"{service}: target", ok=True, what=": ".join([what, *reasons]))
        written = project.environment.services[service].deploy
        for deploy, deployer in zip(written, deployers, strict=True):
            name = f"{service}: by {deploy.driver}"
            try:
                yield await _way(name, deployer, targets, known)
            except LastgoodError as error:
                yield failed(name, error)


async def _runs(view: ServiceView, teller: Deployer | None) -> Fact:
    name = f"{view.name}: runs"
    if view.problem:
        mend = "see that its deploy driver's command, folder and instances answer"
        return Fact(name=name, ok=False, what=view.problem, mend=mend)
    if teller is not None and view.live is None:
        reasons = await _reasons(teller, view.recorded)
        return Fact(
            name=name,
            ok=False,
            what="; ".join(["its deploy driver names no release", *(r.what for r in reasons)]),
            mend=reasons[0].mend if reasons else "deploy it once, or ask its deploy tool by hand",
        )
    live = running(view)
    if live is None:
        mend = f"lastgood deployment record --service {view.name} --commit COMMIT"
        return Fact(name=name, ok=True, what="nobody says what runs", mend=mend)
    source = "its deploy driver" if view.live else "its check" if view.answering else "the ledger"
    return Fact(name=name, ok=True, what=f"{live[:12]} runs, says {source}")


async def _reasons(teller: Deployer, recorded: str | None) -> list[Problem]:
    """Why a deploy driver does not say what runs: `current` is silent, a survey is not."""
    if recorded is None:
        return []
    routes = await teller.survey(recorded, None)
    found = [problem for route in routes for problem in (*route.warnings, *route.problems)]
    return [problem for problem in found if problem.code != "nothing-to-do"]


def _proof(project: Project, known: ServiceFacts) -> Fact:
    """Whether it could be shown that a rollback brought the target back."""
    name = f"{known.name}: proof"
    add = f"give a check of {known.name} a `version`, such as {{json: commit}}"
    if not project.environment.services[known.name].checks:
        return Fact(
            name=name,
            ok=False,
            what="it has no check: nobody could tell whether it is well again",
            mend=f"name checks under `{known.name}` in {project.settings.file.name}, one of them "
            "with a `version`",
        )
    if known.names_version:
        return Fact(name=name, ok=True, what="a check says which version answers")
    if known.tells_current:
        what = "no check says which version answers: the deploy driver alone says what runs"
        return Fact(name=name, ok=True, what=what, mend=add)
    what = "nothing says which version answers: a rollback of it would end as `unproven`"
    return Fact(name=name, ok=False, what=what, mend=add)


def _instances(view: ServiceView, known: ServiceFacts) -> Fact:
    name = f"{view.name}: instances"
    if not known.every_instance:
        return Fact(
            name=name,
            ok=True,
            what="its instances are not said: one address answers for all of them",
            mend=f"name them as `instances` of {view.name}, so that none keeps the bad release",
        )
    silent = [address for address, version in view.answering.items() if not version]
    if known.names_version and silent:
        return Fact(
            name=name,
            ok=False,
            what=f"{', '.join(silent)} does not say its version",
            mend="start it, or take it out of `instances`",
        )
    answers = {address: version for address, version in view.answering.items() if version}
    if _disagree(view, set(answers.values())):
        told = ", ".join(
            f"{address} answers {version[:12]}" for address, version in answers.items()
        )
        what = f"{told}; {view.live[:12]} should run" if view.live else told
        mend = "restart the one that kept another release, or: lastgood rollback"
        return Fact(name=name, ok=False, what=what, mend=mend)
    return Fact(name=name, ok=bool(view.answering), what=f"{len(view.answering)} are known",
                mend="" if view.answering else "see that `instances` names them")  # fmt: skip


def _disagree(view: ServiceView, versions: set[str]) -> bool:
    """Whether an instance answers another version than the others, or than what should run."""
    told = versions | ({view.live} if view.live else set())
    return any(not same_version(one, other) for one in versions for other in told)


async def _way(name: str, deployer: Deployer, targets: list[str], known: ServiceFacts) -> Fact:
    """Whether this way leads to a known good release now, and best to the newest."""
    good: list[str] = []
    broken: list[tuple[str, Problem]] = []
    warned: dict[str, Problem] = {}
    for target in targets:
        routes = await deployer.survey(target, origin_for(known, target))
        if any(not route.problems for route in routes):
            good.append(target)
            warned |= {problem.code: problem for route in routes for problem in route.warnings}
            if any(route.method is not Method.ARTIFACT for route in routes):
                break  # what is made when it is needed cannot vanish
        else:
            broken += [(target, p) for route in routes[:1] for p in route.problems[:1]]
    says = [f"{target[:12]} cannot: {problem.what}" for target, problem in broken]
    if good:
        says.insert(0, f"{', '.join(target[:12] for target in good)} can be deployed now")
    says += [problem.what for problem in warned.values()]
    mends = [problem.mend for problem in [p for _, p in broken] + list(warned.values())]
    return Fact(
        name=name,
        ok=targets[0] in good,
        what="; ".join(says) or "it offers no way",
        mend=next(filter(None, mends), "" if targets[0] in good else "see: lastgood plan"),
    )


def without_services(project: Project) -> Fact:
    """The fact that there is nothing to roll back."""
    return Fact(
        name="services",
        ok=False,
        what=f"{project.name} has no service: there is nothing to roll back",
        mend=f"describe one under `services` in {project.settings.file}",
    )
