"""Facts about the git repositories: reached, read, and written by a rehearsal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lastgood.app.facts.fact import Fact, failed
from lastgood.errors import LastgoodError, RefusedError
from lastgood.process.children import PlainChildren

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lastgood.app.project import Project
    from lastgood.ports.repository import Repository

GIT_AT_LEAST = (2, 38)
"""The first git that merges trees without a working copy."""
_VERSION_S = 10.0


async def git_facts(project: Project) -> AsyncIterator[Fact]:
    """Whether git itself can do what is asked of it."""
    done = await PlainChildren(project.masker).run(["git", "--version"], timeout=_VERSION_S)
    found = re.search(r"(\d+)\.(\d+)", done.stdout)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    least = ".".join(map(str, GIT_AT_LEAST))
    new = version >= GIT_AT_LEAST
    yield Fact(
        name="git",
        ok=new,
        what=done.stdout.strip() + ("" if new else f", but {least} or later is needed"),
        mend="" if new else f"install git {least} or later",
    )


async def remote_facts(project: Project, service: str) -> AsyncIterator[Fact]:
    """The repository of a service: its remote, its branch, our refs, the right to push."""
    about = f"repository of {service}"
    async with project.drivers() as drivers:
        repository = drivers.repositories[service]
        try:
            await repository.refresh()
            tip = await repository.tip()
        except LastgoodError as error:
            yield failed(about, error)
            return
        yield Fact(name=about, ok=True, what=f"it answers; {repository.branch} is at {tip[:12]}")
        yield await _refs(repository, project.name, f"{about}: holds")
        users = [name for name, r in drivers.repositories.items()
                 if r.shared_key == repository.shared_key]  # fmt: skip
    needed = [name for name in users if _pushes(project, name)]
    yield await _push(repository, tip, f"{about}: push", needed)


def _pushes(project: Project, service: str) -> bool:
    """Whether a rollback of the service may have to push a commit."""
    return any(way.driver == "git" for way in project.environment.services[service].deploy)


async def _refs(repository: Repository, environment: str, name: str) -> Fact:
    try:
        refs = await repository.read_refs(f"{environment}/")
    except LastgoodError as error:
        return failed(name, error)
    return Fact(name=name, ok=True, what=f"{len(refs)} refs of lastgood can be read there")


async def _push(repository: Repository, tip: str, name: str, needed: list[str]) -> Fact:
    """Rehearse taking the branch's newest commit out: nothing else is sure to be pushable."""
    try:
        commit = await repository.commit_drop(tip, tip, tip, "Rehearsal: nothing is pushed")
    except RefusedError as error:
        what = f"it was not tried, since the newest commit cannot be taken out: {error.cause}"
        return Fact(name=name, ok=True, what=what, mend="try again after the next commit")
    try:
        await repository.rehearse(commit, tip)
    except LastgoodError as error:
        fact = failed(name, error)
        if needed:
            return fact
        mend = "holds and locks stay on this machine until its user may push there"
        return Fact(name=name, ok=True, what=fact.what, mend=mend)
    return Fact(
        name=name,
        ok=True,
        what=f"{repository.branch} would take a push; rules that a host checks only then are "
        "not seen",
    )
