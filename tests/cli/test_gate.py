"""Holds and the gate: what a rollback took away does not come back by a deployment."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.testing.remote import GitRemote
    from lastgood.testing.stack import Ran, Stack

REASON = ("--reason", "it answers with errors")


@dataclass
class Team:
    """A backend in a repository: a good commit, a bad one that is held, and one built on it."""

    stack: Stack
    remote: GitRemote
    good: str
    bad: str
    later: str

    def gate(self, commit: str) -> Ran:
        return self.stack.run("gate", commit, "--json")

    def hold(self) -> None:
        ran = self.stack.run("hold", "set", self.bad, "--service", "backend", *REASON, "--json")
        assert (ran.code, ran.json["warning"]) == (0, None), ran

    def holds(self) -> list[tuple[str, str | None]]:
        shown = self.stack.run("hold", "show", "--json").json["holds"]
        return [(hold["commit"], hold["fix"]) for hold in shown]


@pytest.fixture
def team(stack: Stack) -> Team:
    remote = stack.by_git()
    good = remote.commit({"app": "1"})
    bad = remote.commit({"app": "broken"})
    later = remote.commit({"docs": "more"})
    stack.good(good, services=("backend",))
    return Team(stack, remote, good, bad, later)


def refused(ran: Ran, code: str = "held") -> None:
    assert (ran.code, ran.json["error"]["code"]) == (5, code), ran
    assert ran.json["error"]["mend"]


def test_the_held_commit_and_what_is_built_on_it_may_not_pass(team: Team) -> None:
    assert team.gate(team.bad).code == 0
    team.hold()
    refused(team.gate(team.bad))
    refused(team.gate(team.bad[:9]))
    refused(team.gate(team.later))
    refused(team.gate("main"))
    assert team.gate(team.good).code == 0


def test_a_fix_and_what_is_built_on_it_may_pass(team: Team) -> None:
    team.hold()
    fix = team.remote.commit({"app": "mended"})
    refused(team.gate(fix))

    ran = team.stack.run("hold", "release", "--fix", fix[:10], *REASON, "--json")

    assert ran.code == 0, ran
    assert team.holds() == [(team.bad, fix)]
    assert team.gate(fix).code == 0
    assert team.gate(team.remote.commit({"app": "even better"})).code == 0
    refused(team.gate(team.later))


def test_a_known_good_tree_may_pass_wherever_it_stands(team: Team) -> None:
    team.hold()
    reverted = team.remote.commit({"app": "1", "docs": None})
    assert team.gate(reverted).code == 0
    refused(team.gate(team.remote.commit({"app": "broken again"})))


def test_a_hold_is_set_shown_and_released_in_the_repository(team: Team) -> None:
    assert team.holds() == []
    team.hold()
    ref = f"refs/lastgood/production/hold/backend/{team.bad}"
    assert ref in team.remote.refs()
    assert team.holds() == [(team.bad, None)]

    ran = team.stack.run("hold", "release", *REASON, "--json")

    assert (ran.code, ran.json["warning"]) == (0, None)
    assert "refs/lastgood" not in team.remote.refs()
    assert team.holds() == []
    assert team.gate(team.later).code == 0
    again = team.stack.run("hold", "release", *REASON, "--json")
    refused(again, "not-held")


def test_another_machine_sees_the_hold_and_may_release_it(team: Team) -> None:
    """A CI job, or another laptop, has the configuration and no state."""
    assert team.gate(team.bad).code == 0
    team.hold()
    shutil.rmtree(team.stack.state)

    refused(team.gate(team.later))
    assert team.holds() == [(team.bad, None)]
    refused(team.stack.rollback("--to", team.bad), "target-held")
    assert team.stack.run("hold", "release", *REASON, "--json").code == 0

    assert team.gate(team.later).code == 0
    assert "refs/lastgood" not in team.remote.refs()


@pytest.mark.parametrize("marked", [True, False])
@pytest.mark.parametrize("keeps_state", [True, False])
def test_the_rollback_s_own_commit_may_pass_on_every_machine(
    team: Team, *, marked: bool, keeps_state: bool
) -> None:
    """Else CI that asks the gate would never deploy it. What is built on it is asked anew."""
    stack, remote = team.stack, team.remote
    stack.end_runner()
    if not marked:
        # The first night: nothing is known good.
        stack.state.rename(stack.place / "before")
    hook = stack.place / "live"
    remote.hook("post-receive", f"git rev-parse main > {hook}")
    hook.write_text(team.later, encoding="utf-8")
    stack.instances["backend"].tells(hook)
    ran = stack.rollback("--to", team.good)
    assert ran.code == 0, ran
    stack.end_runner()
    if not keeps_state:
        stack.state.rename(stack.place / "elsewhere")

    back = remote.tip()
    assert team.gate(back).code == 0
    refused(team.gate(team.later))
    refused(team.gate(remote.commit({"app": "broken", "docs": "more"})))
    fix = remote.commit({"app": "mended"})
    refused(team.gate(fix))
    assert stack.run("hold", "release", "--fix", fix, *REASON).code == 0
    assert team.gate(fix).code == team.gate(back).code == 0
    stack.state.rename(stack.place / "another")
    assert team.gate(fix).code == team.gate(back).code == 0


def test_a_release_that_was_good_may_not_pass_once_it_is_held(team: Team) -> None:
    ran = team.stack.run("hold", "set", team.good, "--service", "backend", *REASON)
    assert ran.code == 0
    refused(team.gate(team.good))


@pytest.mark.parametrize("keeps_state", [True, False])
def test_a_held_commit_that_was_thrown_away_holds_nothing_else(
    team: Team, *, keeps_state: bool
) -> None:
    """By a forced push: nothing that is left can be built on it."""
    team.hold()
    team.remote.point(team.good)
    team.remote.git("reflog", "expire", "--expire=now", "--all")
    team.remote.git("gc", "--quiet", "--prune=now")
    fresh = team.remote.commit({"app": "another way"})
    if not keeps_state:
        shutil.rmtree(team.stack.state)
    assert team.gate(fresh).code == 0
    assert team.gate(team.bad).code == 5


def test_holds_whose_names_begin_alike(stack: Stack) -> None:
    """Kept releases may be called v1 and v1.1."""
    remote = stack.remote()
    remote.commit({"backend/app": "1"})
    stack.build("v1", "v1.1")
    for name in ("v1.1", "v1"):
        ran = stack.run("hold", "set", name, "--service", "backend", *REASON, "--json")
        assert (ran.code, ran.json["warning"]) == (0, None), ran
    refs = remote.refs()
    assert {f"production/hold/backend/{name}" in refs for name in ("v1", "v1.1")} == {True}


def test_a_machine_without_state_lets_pass_what_no_ref_holds(team: Team) -> None:
    shutil.rmtree(team.stack.state)
    assert team.gate(team.later).code == 0
    assert not (team.stack.state / "state.db").exists()


def test_what_cannot_be_known_is_refused(team: Team) -> None:
    team.hold()
    (team.stack.state / "state.db").write_bytes(b"this is no database" * 100)
    refused(team.gate(team.good), "state-unreadable")


def test_without_the_repository_nothing_is_known_of_its_refs(team: Team) -> None:
    team.remote.place.rename(team.remote.place.with_name("gone"))
    refused(team.gate(team.good), "state-unreadable")


def test_without_state_and_repository_nothing_is_known(stack: Stack) -> None:
    ran = stack.run("gate", "1a1a1a1", "--json")
    refused(ran, "state-unreadable")
    assert not stack.state.exists()


def test_a_hold_without_a_repository_is_for_the_release_alone(stack: Stack) -> None:
    stack.build("1a1a1a1", "2b2b2b2")
    assert stack.run("hold", "set", "2b2b2b2", "--service", "backend", *REASON).code == 0
    refused(stack.run("gate", "2b2b2b2", "--json"))
    assert stack.run("gate", "2b2b2b2", "--service", "frontend", "--json").code == 0
    assert stack.run("gate", "1a1a1a1", "--json").code == 0


def test_a_ref_that_somebody_else_wrote_is_no_reason_to_let_pass(
    team: Team, tmp_path: Path
) -> None:
    del tmp_path
    odd = team.remote.git("commit-tree", f"{team.good}^{{tree}}", "-m", "\x1b[2Jnot ours")
    team.remote.git("update-ref", f"refs/lastgood/production/hold/backend/{team.bad}", odd)
    ran = team.gate(team.good)
    refused(ran, "state-unreadable")
    assert "\x1b" not in ran.out + ran.err
