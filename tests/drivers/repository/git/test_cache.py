"""The private copy: made, shared, broken, deleted, refused."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lastgood.errors import RefusedError, RemoteError
from lastgood.testing.action import FakeAction
from lastgood.testing.remote import run_git
from lastgood.testing.repository import error_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.drivers.repository.git.driver import GitRepository
    from lastgood.testing.remote import GitRemote

CHILD = """
import asyncio, sys
from pathlib import Path
from lastgood.drivers.repository.git.driver import GitRepository
from lastgood.drivers.repository.git.options import GitRepositoryOptions
from lastgood.ports.toolbox import Toolbox
from lastgood.process.children import PlainChildren
from lastgood.process.masking import Masker
remote, state = map(Path, sys.argv[1:])
toolbox = Toolbox(environment="p", name="s", base=state, state=state,
                  children=PlainChildren(Masker()))
async def main():
    for _ in range(4):
        repository = GitRepository(GitRepositoryOptions(repository=str(remote)), toolbox)
        print(await repository.tip())
asyncio.run(main())
"""


def caches(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "state" / "git").glob("*.git"))


async def test_a_url_s_copy_holds_no_files(
    remote: GitRemote, make_repository: Callable[..., GitRepository], tmp_path: Path
) -> None:
    commit = remote.commit({"app": "a large file"})
    await make_repository(f"file://{remote.place}").tip()
    (cache,) = caches(tmp_path)
    missing = run_git(cache, "rev-list", "--objects", "--missing=print", commit).decode()
    assert f"?{remote.git('rev-parse', 'main:app')}" in missing


async def test_an_archive_without_its_remote(
    remote: GitRemote, make_repository: Callable[..., GitRepository], tmp_path: Path
) -> None:
    """By another process: from a whole copy, and from one that lacks files but was asked before."""
    one, two = remote.commit({"db/a": "1", "db/b": "1"}), remote.commit({"db/a": "2"})
    addresses = (remote.place, f"file://{remote.place}")
    for address in addresses:
        assert await make_repository(address).archive(one, "db", 1 << 20)
    left = caches(tmp_path)[0] / "lastgood-archive-of-one-that-was-killed"
    left.touch()
    os.utime(left, (0, 0))
    remote.place.rename(remote.place.with_suffix(".down"))
    for address in addresses:
        assert await make_repository(address).archive(one, "db", 1 << 20)
    assert await make_repository().archive(two, "db", 1 << 20)
    missing = await error_of(make_repository(addresses[1]).archive(two, "db", 1 << 20))
    assert isinstance(missing, RemoteError)
    unknown = await error_of(make_repository().archive("f" * 40, "db", 1 << 20))
    assert isinstance(unknown, RemoteError)
    assert [path for cache in caches(tmp_path) for path in cache.glob("lastgood-*")] == []


@pytest.mark.parametrize(
    "harm", ["deleted", "state deleted", "no objects", "empty objects", "config", "half made"]
)
async def test_a_broken_copy_is_made_anew(
    remote: GitRemote,
    make_repository: Callable[..., GitRepository],
    tmp_path: Path,
    harm: str,
) -> None:
    good = remote.commit({"app": "1"})
    base = remote.commit({"app": "2"})
    repository = make_repository()
    await repository.tip()
    (cache,) = caches(tmp_path)
    if harm == "deleted":
        shutil.rmtree(cache)
    elif harm == "state deleted":
        shutil.rmtree(tmp_path / "state")
    elif harm == "no objects":
        shutil.rmtree(cache / "objects")
    elif harm == "empty objects":
        for path in (cache / "objects").rglob("*"):
            if path.is_file():
                path.chmod(0o600)
                path.write_bytes(b"")
    elif harm == "config":
        (cache / "config").write_text("[core\n", encoding="utf-8")
    else:
        for name in ("refs", "packed-refs", "objects"):
            path = cache / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (cache.parent / f"{cache.name}.new-dead").mkdir()
    made = await repository.commit_tree(good, base, (), "Back")
    await repository.push(made, base, FakeAction())
    assert remote.tip() == made
    fresh = make_repository()
    assert await fresh.tip() == made
    assert len(list((tmp_path / "state" / "git").iterdir())) == 2, "leftovers"


async def test_many_processes_share_it(remote: GitRemote, tmp_path: Path) -> None:
    """Made, fetched and read at the same time, while the remote moves on."""
    remote.commit({"app": "0"})
    argv = [sys.executable, "-c", CHILD, str(remote.place), str(tmp_path / "state")]
    running = [
        subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: ASYNC220 - no loop has to go on meanwhile
        for _ in range(4)
    ]
    for number in range(6):
        remote.commit({"app": str(number)})
    for process in running:
        out, said = process.communicate(timeout=100)
        assert process.returncode == 0, said.decode()
        assert len(out.split()) == 4
    assert len(caches(tmp_path)) == 1


async def test_many_tasks_share_it(
    remote: GitRemote, make_repository: Callable[..., GitRepository]
) -> None:
    tip = remote.commit({"app": "0"})
    repositories = [make_repository() for _ in range(4)]
    assert {*await asyncio.gather(*(one.tip() for one in repositories))} == {tip}


@pytest.mark.parametrize("way", ["path", "url", "url without filter", "bare"])
async def test_a_shallow_remote_is_refused(
    remote: GitRemote,
    make_repository: Callable[..., GitRepository],
    tmp_path: Path,
    way: str,
) -> None:
    """And asking it does not start an endless row of fetches."""
    remote.commit({"app": "1"})
    remote.commit({"app": "2"})
    cut = tmp_path / "cut"
    bare = ("--bare",) if way == "bare" else ()
    run_git(tmp_path, "clone", "-q", "--depth=1", *bare, f"file://{remote.place}", str(cut))
    if way == "url":
        run_git(cut, "config", "uploadpack.allowFilter", "true")
    repository = make_repository(f"file://{cut}" if way.startswith("url") else cut)
    refusal = await error_of(repository.tip())
    assert isinstance(refusal, RefusedError)
    assert refusal.code == "shallow-repository"
    assert "unshallow" in refusal.mend
    assert caches(tmp_path) == []


async def test_a_remote_that_is_gone(
    remote: GitRemote, make_repository: Callable[..., GitRepository]
) -> None:
    """What is known stays readable by who knows it; nothing is made anew in vain."""
    tip = remote.commit({"app": "1"})
    repository = make_repository()
    await repository.tip()
    remote.place.rename(remote.place.with_name("gone.git"))
    error = await error_of(repository.refresh())
    assert isinstance(error, RemoteError)
    assert error.code == "remote-absent"
    assert await repository.tip() == tip


async def test_a_remote_that_hangs(
    make_repository: Callable[..., GitRepository],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hanging = tmp_path / "ssh"
    hanging.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    hanging.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(hanging))
    monkeypatch.setattr("lastgood.drivers.repository.git.cache.CLONE_S", 1.0)
    error = await error_of(make_repository("git@host.invalid:x.git").tip())
    assert isinstance(error, RemoteError)
    assert error.code == "remote-timeout"
    assert error.retryable


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("git@host: Permission denied (publickey).", "remote-login"),
        ("Host key verification failed.", "remote-login"),
        ("ERROR: Repository not found.", "remote-absent"),
        ("fatal: detected dubious ownership in repository at /srv/shop.git", "remote-owner"),
        ("ssh: connect to host x port 22: Connection refused", "remote-unreachable"),
    ],
)
async def test_a_remote_that_says_no(
    make_repository: Callable[..., GitRepository],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    code: str,
) -> None:
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 255\n", encoding="utf-8")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(ssh))
    error = await error_of(make_repository("git@host.invalid:x.git").tip())
    assert isinstance(error, RemoteError)
    assert error.code == code
    assert error.mend
    assert error.retryable is (code == "remote-unreachable")


async def test_surroundings_change_nothing(
    remote: GitRemote,
    make_repository: Callable[..., GitRepository],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hooks, signatures, templates, push options and remotes, and a hook that we run in."""
    home = tmp_path / "home"
    hooks = home / "hooks"
    hooks.mkdir(parents=True)
    for name in ("pre-push", "reference-transaction", "post-checkout"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {home}/ran\nexit 1\n", encoding="utf-8")
        (hooks / name).chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[core]\nhooksPath = {hooks}\n[commit]\ngpgSign = true\n[push]\npushOption = ci.skip\n"
        f"gpgSign = true\nfollowTags = true\n[user]\nname = Somebody\n[gpg]\nprogram = false\n"
        f"[init]\ntemplateDir = {home}\n[i18n]\ncommitEncoding = latin1\n"
        "[protocol]\nallow = never\n"
        '[remote "origin"]\nfetch = +refs/pull/*/head:refs/remotes/origin/pr/*\nmirror = true\n'
        f"pushurl = {home}/nowhere\n"
        "[transfer]\nhideRefs = refs/heads\n[log]\nshowSignature = true\n[gc]\nauto = 1\n",
        encoding="utf-8",
    )
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_QUARANTINE_PATH"):
        monkeypatch.setenv(name, str(home / "nowhere"))
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2001-01-01")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    good = remote.commit({"app": "1"})
    base = remote.commit({"app": "2"})
    remote.git("config", "core.hooksPath", str(remote.place / "hooks"))
    remote.git("config", "receive.advertisePushOptions", "true")
    remote.git("config", "transfer.hideRefs", "!refs/heads")
    remote.hook("pre-receive", 'test "${GIT_PUSH_OPTION_COUNT:-0}" = 0')
    repository = make_repository()
    made = await repository.commit_tree(good, base, (), "Back \N{SNOWMAN}")
    await repository.push(made, base, FakeAction())
    assert remote.tip() == made
    assert remote.message(made) == "Back \N{SNOWMAN}"
    assert remote.git("show", "-s", "--format=%an %ae", made) == "lastgood lastgood@localhost"
    assert int(remote.git("show", "-s", "--format=%at", made)) == 1 + int(
        remote.git("show", "-s", "--format=%ct", base)
    )
    assert not (home / "ran").exists()
    assert not (home / "nowhere").exists()


async def test_a_working_copy_as_remote(
    remote: GitRemote, make_repository: Callable[..., GitRepository], tmp_path: Path
) -> None:
    """Its checked out branch is not pushed to, and the mend says what to name instead."""
    good = remote.commit({"app": "1"})
    base = remote.commit({"app": "2"})
    run_git(tmp_path, "clone", "-q", str(remote.place), "copy")
    repository = make_repository("copy")
    made = await repository.commit_tree(good, base, (), "Back")
    error = await error_of(repository.push(made, base, FakeAction()))
    assert error is not None
    assert error.code == "push-refused"
    assert "`repository`" in error.mend
    assert (tmp_path / "copy" / "app").read_text(encoding="utf-8") == "2"


async def test_only_one_of_many_gets_a_lock(
    remote: GitRemote, make_repository: Callable[..., GitRepository]
) -> None:
    """From several machines at the same moment: the remote decides."""
    remote.commit({"app": "1"})
    machines = [make_repository(state=f"state-{number}") for number in range(4)]
    await asyncio.gather(*(machine.tip() for machine in machines))
    errors = await asyncio.gather(
        *(
            error_of(machine.write_ref("production/lock", f"held by {number}", None))
            for number, machine in enumerate(machines)
        )
    )
    assert errors.count(None) == 1
    assert {error.code for error in errors if error} == {"ref-race"}
    (held,) = (await machines[0].read_refs("production/")).values()
    assert held.text == f"held by {errors.index(None)}"


async def test_refs_are_read_through_a_broken_copy(
    remote: GitRemote, make_repository: Callable[..., GitRepository], tmp_path: Path
) -> None:
    remote.commit({"app": "1"})
    repository = make_repository()
    held = await repository.write_ref("production/lock", "x", None)
    (cache,) = caches(tmp_path)
    shutil.rmtree(cache / "objects")
    assert await repository.read_refs("") == {"production/lock": (held, "x")}
    # Whole, and made by a version that called the remote otherwise.
    run_git(cache, "config", "--rename-section", "remote.lastgood", "remote.origin")
    assert await repository.read_refs("") == {"production/lock": (held, "x")}
