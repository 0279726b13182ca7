"""How releases are taken back, as those on call would tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from lastgood.errors import StepError
from lastgood.model.plan import Move
from lastgood.model.verdict import Method
from lastgood.testing.action import FakeAction
from lastgood.testing.remote import run_git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.model.route import Route
    from lastgood.model.run import StepOutcome
    from lastgood.ports.deploy import Deployer
    from lastgood.testing.remote import GitRemote


async def survey(deployer: Deployer, target: str, **asked: Any) -> Route:
    (route,) = await deployer.survey(target, asked.pop("origin", None), **asked)
    return route


async def approved(deployer: Deployer, target: str, **asked: Any) -> Move:
    route = await survey(deployer, target, **asked)
    assert not route.problems
    return Move(
        service=route.service,
        origin=route.origin,
        target=route.target,
        method=route.method,
        driver=route.driver,
        base=route.base,
        drop=route.drop,
        by="Ada\n[skip ci]",
    )


async def bring_about(deployer: Deployer, move: Move) -> StepOutcome:
    done = await deployer.inspect(move)
    if done is None:
        await deployer.apply(move, FakeAction())
        done = await deployer.confirm(move, FakeAction())
    return done


def two_services(remote: GitRemote) -> tuple[str, str]:
    """A good release and the bad one that is live."""
    good = remote.commit({"backend/app": "1", "backend/migrations/1": "", "frontend/app": "1"})
    bad = remote.commit(
        {"backend/app": "2", "backend/migrations/2": "", "frontend/app": "2"}, "Bad [skip ci]"
    )
    return good, bad


async def test_the_plan_says_what_goes_along(remote: GitRemote, deployer: Deployer) -> None:
    good, bad = two_services(remote)
    later = remote.commit({"frontend/app": "3"}, "Elsewhere")
    route = await survey(deployer, good, origin=bad)
    assert route.method is Method.TREE
    assert route.base == later
    assert [line.commit for line in route.dropped] == [bad]
    assert route.migrations == ("backend/migrations/2",)
    assert route.needs_version
    assert not route.problems
    assert not route.warnings
    assert remote.tip() == later


async def test_one_service_goes_back_and_the_others_stay(
    remote: GitRemote, deployer: Deployer
) -> None:
    good, bad = two_services(remote)
    outcome = await bring_about(deployer, await approved(deployer, good))
    tip = remote.tip()
    assert outcome.detail["version"] == tip
    assert remote.parents(tip) == [bad]
    assert remote.files(tip, "backend") == remote.files(good, "backend")
    assert remote.files(tip, "frontend") == remote.files(bad, "frontend")
    words = remote.message(tip)
    assert words.startswith(f"Roll backend back to {good[:12]}\n")
    assert words.endswith("Rolled-back-by: Ada (skip ci)")
    assert "Bad" not in words
    assert await deployer.same(tip, good)
    assert await deployer.same(good[:10], good)
    later = remote.commit({"frontend/app": "4"})
    assert await deployer.same(later, good)
    assert not await deployer.same(bad, good)
    assert not await deployer.same("unknown", good)


async def test_a_merged_feature_goes_and_comes_back_only_on_purpose(
    remote: GitRemote, make_deployer: Callable[..., Deployer]
) -> None:
    deployer = make_deployer()
    good = remote.commit({"app": "1"})
    side = remote.commit({"feature": "broken"}, branch="side", parents=[good])
    merge = remote.merge(side)
    outcome = await bring_about(deployer, await approved(deployer, good, drop=merge))
    assert remote.files(remote.tip()) == remote.files(good)
    assert remote.message(outcome.detail["version"]).startswith(f"Take {merge[:12]} out of backend")
    assert "revert this commit" in remote.message(remote.tip())
    again = await survey(deployer, good, drop=merge)
    assert [problem.code for problem in again.problems] == ["nothing-to-do"]


async def test_a_rebased_feature_of_many_commits_goes_as_one(
    remote: GitRemote, make_deployer: Callable[..., Deployer]
) -> None:
    deployer = make_deployer()
    good = remote.commit({"app": "0"})
    row = [remote.commit({"app": str(number)}) for number in range(1, 4)]
    remote.commit({"later": "x"})
    drop = f"{row[0][:10]}..{row[-1][:10]}"
    move = await approved(deployer, good, drop=drop)
    assert move.drop == f"{row[0]}..{row[-1]}"
    outcome = await bring_about(deployer, move)
    assert sorted(remote.files(remote.tip())) == ["app", "later"]
    assert remote.read(remote.tip(), "app") == "0"
    seen = await deployer.inspect(move)
    assert seen is not None
    assert seen.found_done
    assert seen.detail == outcome.detail
    assert remote.count() == 6


async def test_a_conflicting_drop_names_the_way_that_cannot_conflict(
    remote: GitRemote, make_deployer: Callable[..., Deployer]
) -> None:
    deployer = make_deployer()
    good = remote.commit({"app": "1"})
    bad = remote.commit({"app": "2"})
    remote.commit({"app": "3"})
    (problem,) = (await survey(deployer, good, drop=bad)).problems
    assert problem.code == "drop-conflict"
    assert "--method tree" in problem.mend
    assert not (await survey(deployer, good)).problems


async def test_already_back_is_nothing_to_do(remote: GitRemote, deployer: Deployer) -> None:
    good, _ = two_services(remote)
    await bring_about(deployer, await approved(deployer, good))
    (problem,) = (await survey(deployer, good)).problems
    assert problem.code == "nothing-to-do"
    assert remote.count() == 3


async def test_pushed_and_not_deployed_is_said_with_where_to_look(
    remote: GitRemote, deployer: Deployer
) -> None:
    good, bad = two_services(remote)
    outcome = await bring_about(deployer, await approved(deployer, good))
    made = outcome.detail["version"]
    (problem,) = (await survey(deployer, good, origin=bad)).problems
    assert problem.code == "not-deployed"
    assert f"{bad[:12]} still runs" in problem.what
    assert f"CI run of {made[:12]}" in problem.mend
    (problem,) = (await survey(deployer, good, origin=made)).problems
    assert problem.code == "nothing-to-do"


async def test_a_colleague_elsewhere_does_not_stop_it(
    remote: GitRemote, deployer: Deployer
) -> None:
    good, _ = two_services(remote)
    move = await approved(deployer, good)
    colleague = remote.commit({"frontend/app": "3"})
    outcome = await bring_about(deployer, move)
    tip = remote.tip()
    assert remote.parents(tip) == [colleague]
    assert remote.read(tip, "frontend/app") == "3"
    assert outcome.detail["version"] == tip
    remote.commit({"backend/app": "mended"})
    seen = await deployer.inspect(move)
    assert seen is not None
    assert seen.detail["version"] == tip


async def test_a_colleague_who_pushes_at_the_same_moment(
    remote: GitRemote, deployer: Deployer
) -> None:
    """Between our look and our push: seen by the remote, planned again, pushed."""
    good, _ = two_services(remote)
    move = await approved(deployer, good)

    class Slow(FakeAction):
        def fence(self) -> None:
            super().fence()
            if self.fences <= 2:
                remote.commit({f"frontend/{self.fences}": "x"})

    action = Slow()
    await deployer.apply(move, action)
    await deployer.confirm(move, action)
    assert action.fences == 3
    assert {"frontend/1", "frontend/2"} < remote.files(remote.tip()).keys()
    assert remote.files(remote.tip(), "backend") == remote.files(good, "backend")
    assert remote.count() == 5


@pytest.mark.parametrize("kind", ["same service", "rewound", "whole tree"])
async def test_a_colleague_in_the_way_stops_it(
    remote: GitRemote, make_deployer: Callable[..., Deployer], kind: str
) -> None:
    deployer = make_deployer(paths=() if kind == "whole tree" else ("backend",))
    older = remote.commit({"backend/app": "0", "frontend/app": "0"})
    good, _ = two_services(remote)
    move = await approved(deployer, good)
    if kind == "same service":
        remote.commit({"backend/app": "3"}, "A mend")
    elif kind == "rewound":
        remote.point(older)
    else:
        remote.commit({"frontend/app": "3"}, "Elsewhere")
    before = remote.refs()
    with pytest.raises(StepError) as race:
        await bring_about(deployer, move)
    assert race.value.code == "push-race"
    assert not race.value.retryable
    assert "plan again" in race.value.mend
    assert remote.refs() == before


async def test_a_drop_is_never_done_on_another_tip(remote: GitRemote, deployer: Deployer) -> None:
    good, bad = two_services(remote)
    move = await approved(deployer, good, drop=bad)
    remote.commit({"frontend/other": "3"})
    with pytest.raises(StepError) as race:
        await bring_about(deployer, move)
    assert race.value.code == "push-race"


async def test_a_colleague_did_it_by_hand(remote: GitRemote, deployer: Deployer) -> None:
    good, _ = two_services(remote)
    move = await approved(deployer, good)
    by_hand = remote.commit({"backend/app": "1", "backend/migrations/2": None})
    outcome = await bring_about(deployer, move)
    assert outcome.found_done
    assert outcome.detail["version"] == by_hand
    assert remote.tip() == by_hand


@pytest.mark.parametrize(
    ("hook", "script", "code"),
    [
        ("pre-receive", "echo 'no \033[31mFridays' >&2; exit 1", "push-refused"),
        ("update", "echo 'GH006: Protected branch update failed' >&2; exit 1", "push-protected"),
        ("pre-receive", "echo 'GH013: Repository rule violations' >&2; exit 1", "push-protected"),
        ("update", "echo 'You are not allowed to push code' >&2; exit 1", "push-protected"),
        ("update", "echo 'Permission denied to update branch main.' >&2; exit 1", "push-protected"),
        (
            "pre-receive",
            "echo 'Branch refs/heads/main can only be modified through pull requests.'; exit 1",
            "push-protected",
        ),
        (
            "pre-receive",
            "echo 'TF402455: not permitted; you must use a pull request to update it' >&2; exit 1",
            "push-protected",
        ),
    ],
)
async def test_the_remote_refuses(
    remote: GitRemote, deployer: Deployer, hook: str, script: str, code: str
) -> None:
    good, bad = two_services(remote)
    remote.hook(hook, script)
    move = await approved(deployer, good)
    with pytest.raises(StepError) as refusal:
        await bring_about(deployer, move)
    assert refusal.value.code == code
    assert refusal.value.mend
    assert "\033" not in str(refusal.value)
    assert remote.tip() == bad


async def test_died_between_commit_and_push(
    remote: GitRemote, make_deployer: Callable[..., Deployer]
) -> None:
    """The commit is made again as it was, by another process too."""
    good, _ = two_services(remote)
    dying = make_deployer(paths=("backend",))
    move = await approved(dying, good)
    made = []

    class Dying(FakeAction):
        def fence(self) -> None:
            made.append(remote.refs())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await dying.apply(move, Dying())
    assert made == [remote.refs()]
    heir = make_deployer(paths=("backend",))
    assert await heir.inspect(move) is None
    await bring_about(heir, move)
    assert remote.count() == 3


async def test_died_after_the_push_before_it_was_written_down(
    remote: GitRemote, make_deployer: Callable[..., Deployer]
) -> None:
    good, _ = two_services(remote)
    dying = make_deployer(paths=("backend",))
    move = await approved(dying, good)
    await dying.apply(move, FakeAction())
    tip = remote.tip()
    heir = make_deployer(paths=("backend",))
    await heir.apply(move, FakeAction())
    outcome = await bring_about(heir, move)
    assert outcome.detail["version"] == remote.tip() == tip
    assert remote.count() == 3


async def test_taken_back_again_by_somebody(remote: GitRemote, deployer: Deployer) -> None:
    good, bad = two_services(remote)
    move = await approved(deployer, good)
    await deployer.apply(move, FakeAction())
    remote.point(bad)
    with pytest.raises(StepError) as lost:
        await deployer.confirm(move, FakeAction())
    assert lost.value.code == "push-lost"


async def test_a_target_that_is_not_on_the_branch_is_said(
    remote: GitRemote, deployer: Deployer
) -> None:
    good, bad = two_services(remote)
    other = remote.commit({"backend/app": "9"}, branch="other", parents=[good])
    route = await survey(deployer, other, origin=good)
    assert not route.problems
    assert [problem.code for problem in route.warnings] == ["target-elsewhere", "live-differs"]
    assert bad[:12] in route.warnings[1].what


async def test_what_cannot_be_planned_is_a_problem_of_the_route(
    remote: GitRemote, deployer: Deployer
) -> None:
    (problem,) = (await survey(deployer, "0" * 40)).problems
    assert problem.code == "empty-repository"
    two_services(remote)
    (problem,) = (await survey(deployer, "0" * 40)).problems
    assert problem.code == "unknown-revision"
    remote.place.rename(remote.place.with_name("gone.git"))
    (problem,) = (await survey(deployer, "0" * 40)).problems
    assert problem.code == "remote-absent"


async def test_working_copies_do_not_matter(
    remote: GitRemote, deployer: Deployer, tmp_path: Path
) -> None:
    """Dirty, detached and shallow ones: nothing in them is looked at or touched."""
    good, _ = two_services(remote)
    copy = tmp_path / "copy"
    run_git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{remote.place}", str(copy))
    run_git(copy, "checkout", "--quiet", "--detach")
    (copy / "backend" / "app").write_text("dirty", encoding="utf-8")
    before = run_git(copy, "status", "--porcelain=v2", "--branch")
    await bring_about(deployer, await approved(deployer, good))
    assert run_git(copy, "status", "--porcelain=v2", "--branch") == before
    assert (copy / "backend" / "app").read_text(encoding="utf-8") == "dirty"


async def test_what_may_be_imported(remote: GitRemote, deployer: Deployer) -> None:
    good, bad = two_services(remote)
    other = remote.commit({"backend/app": "9"}, branch="other", parents=[good])
    remote.git("tag", "v1", good)
    remote.git("tag", "v9", other)
    found = await deployer.found()
    assert [release.commit for release in found] == [bad, good, other]
    assert [release.artifact for release in found] == [None, "v1", "v9"]
    assert await deployer.current() is None
