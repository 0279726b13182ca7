"""Two machines with states of their own: the repository's refs keep them apart."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from lastgood.app import repositories

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.testing.remote import GitRemote
    from lastgood.testing.stack import Stack

LOCK = "refs/lastgood/production/lock"


@pytest.fixture
def remote(stack: Stack) -> GitRemote:
    """Kept releases that are built from a repository; the second one is live and bad."""
    remote = stack.remote()
    good = remote.commit({"backend/app": "1", "frontend/app": "1"})
    bad = remote.commit({"backend/app": "2", "frontend/app": "2"})
    stack.build(good)
    stack.deploy(bad)
    stack.good(good)
    return remote


def lock_by_another_machine(remote: GitRemote) -> None:
    """What a run elsewhere leaves behind when its machine dies."""
    text = json.dumps(
        {"run": "run-elsewhere", "holder": "ada@laptop", "since": "2026-11-22T03:00:00Z"}
    )
    tree = remote.git("mktree", stdin=b"")
    remote.git("update-ref", LOCK, remote.git("commit-tree", tree, "-m", text))


def test_a_run_of_another_machine_keeps_this_one_out(stack: Stack, remote: GitRemote) -> None:
    lock_by_another_machine(remote)
    live = stack.on_disk()
    ran = stack.rollback()
    assert (ran.code, ran.json["outcome"], ran.json["code"]) == (5, "refused", "locked"), ran
    assert stack.on_disk() == live
    assert "ada@laptop" in ran.said
    assert "2026-11-22T03:00:00" in ran.said


def test_the_lock_of_a_dead_machine_is_freed_by_a_person(stack: Stack, remote: GitRemote) -> None:
    lock_by_another_machine(remote)
    shown = stack.run("unlock", "--reason", "that laptop burnt", "--dry-run", "--json")
    assert (shown.code, shown.json["run"]) == (0, "run-elsewhere")
    assert LOCK in remote.refs()
    freed = stack.run("unlock", "--reason", "that laptop burnt", "--json")
    assert (freed.code, freed.json["run"]) == (0, "run-elsewhere")
    assert LOCK not in remote.refs()
    assert stack.rollback().code == 0
    stack.wait(lambda: LOCK not in remote.refs(), "the release of the run's own lock")
    again = stack.run("unlock", "--reason", "once more", "--json")
    assert (again.code, again.json["error"]["code"]) == (5, "not-locked")


def test_the_lock_is_taken_before_and_given_back_after(stack: Stack, remote: GitRemote) -> None:
    log = stack.place / "pushed"
    remote.hook("post-receive", f"cat >> {log}")
    assert stack.rollback().code == 0
    absent = "0" * 40

    def moves() -> list[tuple[bool, bool]]:
        lines = [line.split()[:2] for line in log.read_text().splitlines() if line.endswith(LOCK)]
        return [(old == absent, new == absent) for old, new in lines]

    # It is given back after the run's end was written: a crash between leaves it, known as ours.
    stack.wait(lambda: len(moves()) > 1, "the lock's release")
    assert moves() == [(True, False), (False, True)]
    assert LOCK not in remote.refs()


def test_a_lock_that_stays_in_the_repository_is_not_called_free(
    stack: Stack, remote: GitRemote
) -> None:
    lock_by_another_machine(remote)
    remote.hook("pre-receive", "echo maintenance >&2; exit 1")
    left = stack.run("unlock", "--reason", "that laptop burnt", "--json")
    assert (left.code, left.json["error"]["code"]) == (1, "lock-left"), left
    assert "maintenance" in left.json["error"]["cause"]
    remote.hook("pre-receive", "exit 0")
    assert stack.run("unlock", "--reason", "that laptop burnt").code == 0
    assert LOCK not in remote.refs()


def test_the_lock_is_given_back_also_where_the_git_host_was_slow_meanwhile(
    stack: Stack, remote: GitRemote
) -> None:
    remote.hook("pre-receive", "read old new ref; case $ref in */hold/*) sleep 7;; esac")
    ran = stack.rollback()
    assert (ran.code, ran.json["outcome"]) == (0, "recovered"), ran
    events = stack.run("report", "--json").said
    assert "remote-slow" in events or "did not answer" in events
    stack.wait(lambda: LOCK not in remote.refs(), "the lock's release")


@pytest.fixture
def silent_host() -> Iterator[str]:
    """A git host that takes connections and never says a word."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        taking = threading.Thread(target=_take, args=(server, held), daemon=True)
        taking.start()
        yield f"git://127.0.0.1:{server.getsockname()[1]}/shop.git"
        for connection in held:
            connection.close()
        server.shutdown(socket.SHUT_RDWR)


def _take(server: socket.socket, held: list[socket.socket]) -> None:
    try:
        while True:
            held.append(server.accept()[0])
    except OSError:
        return


def test_a_silent_git_host_does_not_keep_a_kept_release_away(
    stack: Stack, silent_host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repositories, "PATIENCE_S", 1.0)
    stack.build("a" * 40)
    stack.deploy("b" * 40)
    stack.good("a" * 40)
    for service in ("backend", "frontend"):
        stack.service(service)["deploy"]["repository"] = silent_host
    stack.configure()
    ran = stack.rollback()
    assert (ran.code, ran.json["outcome"]) == (0, "recovered"), ran
    assert stack.live() == "a" * 40
    gate = stack.run("gate", "b" * 40, "--json")
    assert (gate.code, gate.json["error"]["code"]) == (5, "state-unreadable")
