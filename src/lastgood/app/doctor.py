"""`doctor`: every fact that a rollback needs, looked at now."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import msgspec

from lastgood.app.facts.database import database_facts
from lastgood.app.facts.fact import Fact
from lastgood.app.facts.group import Group, gather
from lastgood.app.facts.health import check_facts, signal_facts
from lastgood.app.facts.memory import event_facts, memory_facts
from lastgood.app.facts.remote import git_facts, remote_facts
from lastgood.app.facts.service import service_facts, without_services
from lastgood.app.facts.work import work_facts
from lastgood.config.later import unread
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.app.project import Project
    from lastgood.report.documents import Document

LOCAL_S = 30.0
LONG_S = 120.0
"""The first private copy of a large repository, and years of events, take their time."""
_LONGEST = 600


async def examine(project: Project) -> list[Fact]:
    """Look at everything, side by side; changes nothing but lastgood's own state and copies."""
    environment = project.environment
    services, checks, signals = environment.services, environment.checks, environment.signals
    counted = f"services: {len(services)}, checks: {len(checks)}, signals: {len(signals)}"
    what = f"{project.settings.file} has no faults ({counted})"
    facts = [Fact(name="configuration", ok=True, what=what), *_unread(project)]
    # Before the others: the drivers' copies lie in the state's folder, which must be private.
    facts += await gather([Group("state", LOCAL_S, partial(memory_facts, project))])
    if not services:
        facts.append(without_services(project))
    facts += await gather(await _groups(project))
    return [_shown(project, fact) for fact in facts]


def _unread(project: Project) -> list[Fact]:
    """A warning of what is written and would not be done."""
    keys = list(unread(project.settings))
    mend = "do not count on it in this version: what is read, is in docs/configuration.md"
    what = f"written, but nothing reads it yet: {', '.join(keys)}"
    return [Fact(name="kept for later", ok=True, what=what, mend=mend)] if keys else []


async def _groups(project: Project) -> list[Group]:
    environment = project.environment
    async with project.drivers() as drivers:
        remotes = [service for service, _ in drivers.distinct_repositories()]
    groups = [Group("events", LONG_S, partial(event_facts, project))]
    groups += [Group("git", LOCAL_S, partial(git_facts, project))] if remotes else []
    groups += [
        Group(f"repository of {service}", LONG_S, partial(remote_facts, project, service))
        for service in remotes
    ]
    groups += [
        Group(service, LONG_S, partial(service_facts, project, service))
        for service in environment.services
    ]
    groups += [
        Group(f"database {name}", LONG_S, partial(database_facts, project, name))
        for name in environment.databases
    ]
    if environment.checks:
        groups.append(Group("checks", LOCAL_S, partial(check_facts, project)))
    if environment.signals:
        groups.append(Group("signals", LOCAL_S, partial(signal_facts, project)))
    return [*groups, Group("work", LOCAL_S, partial(work_facts, project))]


def _shown(project: Project, fact: Fact) -> Fact:
    """The fact in one line each, without secrets and without what acts on a terminal."""

    def line(text: str) -> str:
        text = " ".join(harmless(project.masker.mask(text)).split())
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."

    return msgspec.structs.replace(fact, what=line(fact.what), mend=line(fact.mend))


def is_ready(facts: Sequence[Fact]) -> bool:
    """Whether nothing stands in a rollback's way."""
    return all(fact.ok for fact in facts)


def doctor_document(facts: Sequence[Fact]) -> Document:
    """What `doctor` answers."""
    return {"ready": is_ready(facts), "checks": msgspec.to_builtins(facts)}
