"""Dropping backups: what retention decides, with all that it must know."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lastgood.app.backups.freezing import frozen
from lastgood.app.backups.overdue import last_failure
from lastgood.app.backups.standing import warm_targets
from lastgood.app.project import now, operator
from lastgood.backup.retention import Facts, Rules, Target, decide
from lastgood.model.release import Standing

if TYPE_CHECKING:
    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.backup.manifest import Leftover
    from lastgood.backup.retention import Decision
    from lastgood.model.problem import Problem


class Pruned(NamedTuple):
    """What was decided, and done unless it was a rehearsal.

    Attributes:
        decisions: for each backup, the newest first.
        leftovers: what backups that were never finished left behind.
        problems: what in the store is damaged or not ours; nothing is done to it.
    """

    decisions: list[Decision]
    leftovers: list[Leftover]
    problems: tuple[Problem, ...]


def prune_backups(project: Project, place: Place, *, dry_run: bool) -> Pruned:
    """Drop what retention lets go, and what was left behind."""
    at = now()
    read = place.kept.all()
    decisions = decide(read.backups, at, rules(place), facts(project, place))
    leftovers = place.kept.leftovers(at)
    if not dry_run:
        for decision in decisions:
            if not decision.keep:
                backup = decision.backup.backup.id
                place.kept.remove(backup)
                project.state.events.append(
                    "backup.dropped", operator(), f"{backup} of {place.name}: {decision.reason}",
                    at=now(), environment=project.name,
                )  # fmt: skip
        place.kept.sweep(leftovers)
    return Pruned(decisions, leftovers, read.problems)


def rules(place: Place) -> Rules:
    """How long backups are kept, as the configuration says it."""
    settings = place.settings
    return Rules(
        keep_s=settings.keep,
        manual_s=settings.keep_manual,
        daily=settings.daily,
        weekly=settings.weekly,
    )


def facts(project: Project, place: Place) -> Facts:
    """What retention must know of releases, holds, incidents and failures."""
    warm, failure = warm_targets(project, place), last_failure(project, place.name)
    return Facts(
        targets=tuple(_targets(project)),
        in_use=frozenset(warm.sides or ()),
        # What is not known to be unused is in use.
        frozen=frozen(project) or (warm.problems[0].what if warm.sides is None else ""),
        failing=failure.text if failure is not None else "",
    )


def _targets(project: Project) -> list[Target]:
    """Every known good release with the times at which it was put live."""
    good = {
        (release.service, release.commit)
        for release in project.state.ledger.releases(project.name)
        if release.standing is Standing.KNOWN_GOOD
    }
    return [
        Target(service=one.service, commit=one.commit, deployed_at=one.at)
        for one in project.state.ledger.deployments(project.name, limit=1000)
        if (one.service, one.commit) in good
    ]
