"""Choosing where to go back to: the newest known good release, never simply the previous one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.model.plan import PlanKind
from lastgood.model.problem import Problem
from lastgood.model.release import Standing, contents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.hold import Hold
    from lastgood.model.release import Release
    from lastgood.model.route import Route
    from lastgood.plan.request import PlanRequest, ServiceFacts


def candidates(request: PlanRequest, facts: ServiceFacts, holds: Sequence[Hold]) -> list[str]:
    """The commits that come into question as a service's target, best first.

    A named one is the only one, whatever it is worth (see `objection`). Otherwise the known good
    releases that are neither held nor what runs already, the newest deployment first. While some
    instance answers another version than a known good one that runs, that one is put live once
    more. Their routes are what the deploy drivers are asked for. A drop needs no known good
    release: then what runs stands for the way there.
    """
    named = request.targets.get(facts.name)
    if named is not None:
        return [named]
    if request.kind is PlanKind.UNDO:
        return []
    if request.drop is None and facts.live is not None and is_half_back(facts, holds):
        return [facts.live]
    carried = contents(facts.releases)
    live = carried.get(facts.live, facts.live) if facts.live is not None else None
    good = [
        release
        for release in facts.releases
        if release.standing is Standing.KNOWN_GOOD
        and objection(facts, release.commit, holds) is None
        and carried.get(release.commit, release.commit) != live
    ]
    found = [r.commit for r in sorted(good, key=lambda r: r.recorded_at, reverse=True)]
    return [facts.live] if request.drop and facts.live and not found else found


def objection(facts: ServiceFacts, commit: str, holds: Sequence[Hold]) -> Problem | None:
    """Why a release may not be a target, whoever asks; None when it may."""
    carried = contents(facts.releases)
    same = {commit, carried.get(commit, commit)}
    bad = next((r for r in facts.releases if r.commit in same and r.standing is Standing.BAD), None)
    if bad is not None:
        return Problem(
            code="target-bad",
            what=f"{facts.name} {commit[:12]} is known to be bad: {why(bad)}",
            mend="choose another release: `lastgood releases list`",
        )
    hold = next((h for h in standing_holds(facts.name, holds) if h.commit in same), None)
    if hold is None and (commit not in facts.built_on_held or outlived(facts, commit, holds)):
        return None
    reason = f": {hold.reason}" if hold is not None else ", since it is built on a held one"
    return Problem(
        code="target-held",
        what=f"{facts.name} {commit[:12]} is held{reason}",
        mend="choose another release, or lift the hold: "
        "`lastgood hold release --fix COMMIT --reason TEXT`",
    )


def outlived(facts: ServiceFacts, commit: str, holds: Sequence[Hold]) -> bool:
    """Whether a release that is built on a held one may be deployed all the same.

    It is the named fix, or it went live after the holds were set and soaked: then it passed the
    gate. What was known good before a hold was set is held with what it is built on.
    """
    standing = standing_holds(facts.name, holds)
    if any(hold.fix == commit for hold in standing):
        return True
    good = [r for r in facts.releases if r.commit == commit and r.standing is Standing.KNOWN_GOOD]
    return bool(good and standing) and all(h.at < good[0].recorded_at for h in standing)


def why(release: Release) -> str:
    """The reason of a release's standing."""
    return release.evidence.reason if release.evidence is not None else "no reason was recorded"


def standing_holds(service: str, holds: Sequence[Hold]) -> list[Hold]:
    """The holds of a service that nobody lifted."""
    return [h for h in holds if h.service == service and h.stands]


def known_good_live(facts: ServiceFacts) -> list[Release]:
    """The known good releases that run, by their commit or by the tree that they carry."""
    if facts.live is None:
        return []
    same = {facts.live, contents(facts.releases).get(facts.live, facts.live)}
    return [r for r in facts.releases if r.commit in same and r.standing is Standing.KNOWN_GOOD]


def is_half_back(facts: ServiceFacts, holds: Sequence[Hold]) -> bool:
    """Whether a known good release runs, and some instance keeps another version."""
    if not facts.strays or facts.live is None or not known_good_live(facts):
        return False
    return objection(facts, facts.live, holds) is None


def came_back(facts: ServiceFacts, holds: Sequence[Hold]) -> bool:
    """Whether the service runs a known good release after a rollback: there is nothing to do.

    A hold that is younger than the release that runs says so; older ones belong to former
    incidents. Going further back each time the command is repeated would walk backward through
    history.
    """
    if facts.strays:
        return False
    left = [hold.at for hold in standing_holds(facts.name, holds)]
    return any(release.recorded_at < at for release in known_good_live(facts) for at in left)


def origin_for(facts: ServiceFacts, commit: str) -> str | None:
    """What a deploy driver is told to run when it is asked for the way to a commit.

    That is the live release; on the way to the live release itself, what an instance keeps.
    """
    return next(iter(facts.strays.values()), facts.live) if commit == facts.live else facts.live


def stray_answers(facts: ServiceFacts) -> str:
    """Which instances answer which other version."""
    return ", ".join(f"{at} answers {version[:12]}" for at, version in facts.strays.items())


def keeps_another(facts: ServiceFacts, barred: Sequence[Route]) -> Problem:
    """The refusal when an instance keeps another version and no driver can put live once more."""
    bars = "; ".join(dict.fromkeys(p.what for route in barred for p in route.problems))
    return Problem(
        code="strays",
        what=f"{facts.name} {str(facts.live)[:12]} is live, but {stray_answers(facts)}"
        + (f"; {bars}" if bars else ""),
        mend="restart that instance by hand, then look: `lastgood check`",
    )


def known(facts: ServiceFacts, commit: str) -> Standing:
    """A commit's standing in the ledger; unknown when the ledger does not have it."""
    return next((r.standing for r in facts.releases if r.commit == commit), Standing.UNKNOWN)


def nothing_known_good(request: PlanRequest, facts: ServiceFacts) -> Problem:
    """The refusal when there is nowhere to go back to, with the ways to record a place."""
    if request.kind is PlanKind.UNDO:
        return Problem(
            code="undo-unknown",
            what=f"what ran of {facts.name} before that run was not known",
            mend=f"name it: `lastgood rollback --to {facts.name}=REVISION`",
        )
    return Problem(
        code="nothing-known-good",
        what=f"no release of {facts.name} is known good other than what runs",
        mend="record one: `lastgood releases import`, then `lastgood releases mark COMMIT good "
        f"--service {facts.name} --reason TEXT`; or name the target: "
        f"`lastgood rollback --to {facts.name}=REVISION`",
    )
