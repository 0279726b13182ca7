"""Rollbacks through a git remote, from the shell: the branch is all that is there to be moved."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lastgood.testing.remote import GitRemote, run_git

if TYPE_CHECKING:
    from lastgood.testing.stack import Instance, Stack

CONFIRMED = ("--confirm", "production", "--json")


@pytest.fixture
def remote(stack: Stack) -> GitRemote:
    """A good commit, a bad one on top, and the bad one is what answers."""
    remote = stack.by_git()
    good = remote.commit({"app": "1", "docs": "1"}, "Work")
    remote.commit({"app": "2"}, "\x1b[2J\x1b]0;pwned\x07Break it\x9b31m")
    stack.good(good, services=("backend",))
    return remote


@pytest.fixture
def instance(stack: Stack, remote: GitRemote) -> Instance:
    """CI that deploys whatever is pushed, at once: what answers is the branch's tip."""
    instance = stack.instances["backend"]
    hook = stack.place / "live"
    remote.hook("post-receive", f"git rev-parse main > {hook}")
    hook.write_text(remote.tip(), encoding="utf-8")
    instance.tells(hook)
    return instance


def good(remote: GitRemote) -> str:
    return remote.git("rev-list", "--max-parents=0", "main")


def test_the_known_good_tree_is_put_on_top_and_proven(
    stack: Stack, remote: GitRemote, instance: Instance
) -> None:
    assert instance.base
    bad = remote.tip()
    ran = stack.rollback()
    assert ran.code == 0, ran
    assert remote.parents(remote.tip()) == [bad]
    assert remote.files(remote.tip()) == remote.files(good(remote))
    (service,) = ran.json["proof"]["services"]
    assert list(service["answering"].values()) == [remote.tip()]
    assert stack.run("gate", bad).code == 5
    assert stack.run("gate", remote.tip()).code == 0
    assert not [line for line in remote.refs().splitlines() if line.endswith("/lock")]


def test_what_others_wrote_does_not_act_on_the_terminal(stack: Stack, remote: GitRemote) -> None:
    for words in (("plan",), ("plan", "--json"), ("rollback", "--dry-run")):
        ran = stack.run(*words)
        assert "Break it" in ran.out
        assert "\x1b" not in ran.out + ran.err
        assert "\x9b" not in ran.out + ran.err
    assert remote.count() == 2


def test_without_a_version_anywhere_nothing_is_proven(stack: Stack, remote: GitRemote) -> None:
    """What was pushed is no proof; the plan said so."""
    del stack.environment["checks"]["backend"]["version"]
    stack.configure()
    shown = stack.run("plan", "--json")
    assert "unproven" in {warning["code"] for warning in shown.json["warnings"]}
    ran = stack.rollback()
    assert (ran.code, ran.json["outcome"], ran.json["code"]) == (1, "failed", "unproven")
    assert remote.count() == 3


def test_one_commit_is_dropped(stack: Stack, remote: GitRemote, instance: Instance) -> None:
    assert instance.base
    bad = remote.tip()
    later = remote.commit({"docs": "2"})
    run_git(remote.place, "update-ref", "refs/heads/main", later)
    ran = stack.run("rollback", "--drop", bad, *CONFIRMED)
    assert ran.code == 0, ran
    assert remote.read(remote.tip(), "app") == "1"
    assert remote.read(remote.tip(), "docs") == "2"
    assert f"without {bad[:12]}" in Path(ran.json["report"]).read_text(encoding="utf-8")


def test_what_a_drop_leaves_is_not_known_to_be_good(
    stack: Stack, remote: GitRemote, instance: Instance
) -> None:
    """It is no release's tree: nobody has seen it run before."""
    assert instance.base
    bad = remote.tip()
    remote.commit({"docs": "2"})
    assert stack.run("rollback", "--drop", bad, *CONFIRMED).code == 0
    listed = stack.run("releases", "list", "--json").json["releases"]
    states = {release["commit"]: release["state"] for release in listed}
    assert states[remote.tip()] == "candidate"
    assert states[good(remote)] == "known-good"


def test_a_drop_that_conflicts_names_the_way_that_cannot(stack: Stack, remote: GitRemote) -> None:
    bad = remote.tip()
    remote.commit({"app": "3"})
    before = remote.refs()
    ran = stack.run("rollback", "--drop", bad, *CONFIRMED)
    assert (ran.code, ran.json["error"]["code"]) == (5, "drop-conflict")
    assert "--method tree" in ran.json["error"]["mend"]
    assert "app" in ran.json["error"]["message"] + ran.json["error"]["cause"]
    assert remote.refs() == before


def test_a_push_race_is_seen_and_loses(stack: Stack, remote: GitRemote) -> None:
    """A colleague's push arrives while ours is on its way."""
    theirs = remote.git("commit-tree", "main^{tree}", "-p", "main", "-m", "A colleague's")
    racing = f'[ "$1" = refs/heads/main ] || exit 0\ngit update-ref refs/heads/main {theirs}'
    remote.hook("update", f"unset GIT_QUARANTINE_PATH\n{racing}")
    ran = stack.rollback()
    assert ran.code == 1
    assert ran.json["code"] == "push-race"
    assert remote.tip() == theirs


def test_a_hook_that_refuses_is_quoted(stack: Stack, remote: GitRemote) -> None:
    remote.hook("pre-receive", "grep -q refs/heads/ || exit 0\necho 'Fridays are holy' >&2\nexit 1")
    before = remote.tip()
    ran = stack.rollback()
    assert ran.code == 1
    assert ran.json["code"] == "push-refused"
    assert "Fridays are holy" in Path(ran.json["report"]).read_text(encoding="utf-8")
    assert remote.tip() == before


def test_an_empty_repository(stack: Stack) -> None:
    stack.by_git()
    for words in (("rollback", *CONFIRMED), ("rollback", "--to", "main", *CONFIRMED)):
        ran = stack.run(*words)
        assert ran.code == 5, ran
        assert ran.json["error"]["mend"]
    stack.run("releases", "import")


@pytest.mark.parametrize("address", ["/nowhere/remote.git", "http://127.0.0.1:9/remote.git"])
def test_a_remote_that_cannot_be_reached(stack: Stack, remote: GitRemote, address: str) -> None:
    """The error comes in bounded time and names the remote."""
    before = remote.refs()
    stack.service()["deploy"]["repository"] = address
    stack.configure()
    begun = time.monotonic()
    ran = stack.rollback()
    assert time.monotonic() - begun < 60
    assert ran.code in {1, 5}
    error = ran.json["error"]
    assert address in error["message"] + error["cause"] + error["mend"]
    assert error["mend"]
    assert remote.refs() == before


def test_a_remote_that_is_gone_does_not_stop_a_flip(stack: Stack) -> None:
    """Release directories are kept so that they can be had while the git host is down."""
    remote = stack.remote()
    old = remote.commit({"backend/app": "1", "frontend/app": "1"})
    new = remote.commit({"backend/app": "2", "frontend/app": "2"})
    stack.build(old)
    stack.good(old)
    stack.deploy(new)
    remote.place.rename(remote.place.with_name("gone"))
    ran = stack.rollback()
    assert ran.code == 0, ran
    assert stack.live() == old


def test_a_remote_that_cannot_be_used_does_not_stop_a_flip(stack: Stack) -> None:
    """A shallow clone, as CI makes them: neither history nor locks are to be had from it."""
    remote = stack.remote()
    old = remote.commit({"backend/app": "1", "frontend/app": "1"})
    new = remote.commit({"backend/app": "2", "frontend/app": "2"})
    shallow = ("clone", "--quiet", "--depth", "1", f"file://{remote.place}", "shallow")
    run_git(stack.place, *shallow)
    for service in ("backend", "frontend"):
        stack.service(service)["deploy"]["repository"] = str(stack.place / "shallow")
    stack.configure()
    stack.build(old)
    stack.good(old)
    stack.deploy(new)
    ran = stack.rollback()
    assert ran.code == 0, ran
    assert stack.live() == old


@pytest.mark.parametrize("state", ["dirty", "detached", "shallow"])
def test_the_working_copy_is_never_touched(
    stack: Stack,
    remote: GitRemote,
    instance: Instance,
    state: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert instance.base
    copy = stack.place / "copy"
    depth = ("--depth", "1") if state == "shallow" else ()
    run_git(stack.place, "clone", "--quiet", *depth, f"file://{remote.place}", str(copy))
    if state == "dirty":
        (copy / "app").write_text("not committed", encoding="utf-8")
        (copy / "new").write_text("not tracked", encoding="utf-8")
        run_git(copy, "add", "new")
    if state == "detached":
        run_git(copy, "checkout", "--quiet", "HEAD~1")
    monkeypatch.chdir(copy)
    before = _bytes(copy)

    plan, ran = stack.run("plan", "--json"), stack.rollback()

    assert plan.code == ran.code == 0, (plan, ran)
    assert remote.files(remote.tip()) == remote.files(good(remote))
    assert _bytes(copy) == before


def _bytes(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
