"""What every repository driver must hold to, as tests that run on a real git remote.

Derive a test class and give it the fixtures `remote` and `repository`:

    class TestMine(RepositoryConformance):
        @pytest.fixture
        def remote(self, tmp_path: Path) -> GitRemote:
            return GitRemote(tmp_path / "remote.git")

        @pytest.fixture
        def repository(self, remote: GitRemote, tmp_path: Path) -> Repository:
            ...  # your driver, on remote.place and the branch main
"""

from __future__ import annotations

import io
import os
import re
import tarfile
from typing import TYPE_CHECKING

from lastgood.errors import LastgoodError, RefusedError, StaleLeaseError, StepError
from lastgood.testing.action import FakeAction
from lastgood.testing.remote import Link, Program, Submodule

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from lastgood.ports.repository import Repository
    from lastgood.testing.remote import Content, GitRemote

HOSTILE_REVISIONS = (
    "",
    "-h",
    "--all",
    "--output=pwned",
    "main..",
    "^main",
    ":/Work",
    "main:app",
    "main@{1}",
    "main^{/Work}",
    "a b",
    "a\nb",
    "a\0b",
    "\x1b[31mred",
    "$(touch pwned)",
    "\udcff",
    "x" * 5000,
)
"""Revisions that no driver may follow, take for an option, or print as they are."""

LARGEST = 1 << 20

LONGEST_SUBJECT = 300
"""A plan lists commits one a line."""


class RepositoryConformance:
    """The suite."""

    async def test_the_tip_is_the_remotes(self, remote: GitRemote, repository: Repository) -> None:
        """As of the last refresh."""
        first = remote.commit({"app": "1"})
        assert await repository.tip() == first
        second = remote.commit({"app": "2"})
        await repository.refresh()
        assert await repository.tip() == second

    async def test_an_empty_remote(self, remote: GitRemote, repository: Repository) -> None:
        """It is refused with a mend, and works from its first commit on."""
        refusal = await error_of(repository.tip())
        assert isinstance(refusal, RefusedError)
        assert refusal.code == "empty-repository"
        assert refusal.mend
        first = remote.commit({"app": "1"})
        await repository.refresh()
        assert await repository.tip() == first

    async def test_an_unknown_branch(self, remote: GitRemote, repository: Repository) -> None:
        """The refusal names those that there are."""
        first = remote.commit({"app": "1"}, branch="trunk", parents=[])
        remote.git("update-ref", b"refs/heads/caf\xe9", first)
        refusal = await error_of(repository.tip())
        assert isinstance(refusal, RefusedError)
        assert refusal.code == "unknown-branch"
        assert "trunk" in refusal.cause
        assert refusal.cause.isprintable()

    async def test_revisions(self, remote: GitRemote, repository: Repository) -> None:
        """Whatever git itself would understand, and what came after the last refresh."""
        first = remote.commit({"app": "1"})
        second = remote.commit({"app": "2"})
        remote.git("tag", "v1.0.0", first)
        remote.git("tag", "-m", "annotated", "v2.0.0", second)
        remote.git("tag", "-m", "of a tag", "nested", "v2.0.0")
        for revision, commit in {
            first: first,
            first[:7]: first,
            "v1.0.0": first,
            "refs/tags/v1.0.0": first,
            "v2.0.0": second,
            "nested": second,
            "main": second,
            "main~1": first,
            "v2.0.0^": first,
            "HEAD": second,
            "HEAD~1": first,
        }.items():
            assert await repository.resolve(revision) == commit, revision
        third = remote.commit({"app": "3"})
        assert await repository.resolve(third) == third

    async def test_no_single_commit(self, remote: GitRemote, repository: Repository) -> None:
        """Unknown, ambiguous and hostile revisions are refused, and shown harmlessly."""
        first = remote.commit({"app": "1"})
        second = remote.commit({"app": "2"})
        remote.git("update-ref", "refs/tags/twin", first)
        remote.git("update-ref", "refs/heads/twin", second)
        remote.git("update-ref", f"refs/tags/{second[:8]}", first)
        blob = remote.git("rev-parse", f"{first}:app")
        remote.git("tag", "blob", blob)
        unfound = ("twin", second[:8], "v9", "0" * 40, "main~7", "blob", blob)
        for revision in (*HOSTILE_REVISIONS, *unfound):
            refusal = await error_of(repository.resolve(revision))
            assert isinstance(refusal, RefusedError), revision
            assert refusal.code == "unknown-revision"
            assert all(sign.isprintable() for sign in str(refusal))
        assert await repository.resolve("refs/heads/twin") == second

    async def test_history(self, remote: GitRemote, repository: Repository) -> None:
        """Ancestors, commits between, files that changed, wholly and by paths."""
        first = remote.commit({"backend/app": "1", "frontend/app": "1"}, "First")
        second = remote.commit({"backend/app": "2"}, "Second\n\nmore")
        third = remote.commit({"frontend/app": "2"}, "Third")
        assert await repository.descends(third, first)
        assert await repository.descends(third, third)
        assert not await repository.descends(first, third)
        lines = await repository.between(first, third)
        assert [(line.commit, line.subject) for line in lines] == [
            (third, "Third"),
            (second, "Second"),
        ]
        assert lines[0].at is not None
        assert lines[0].author == "Ada"
        touched = await repository.between(first, third, ["backend"])
        assert [line.commit for line in touched] == [second]
        assert list(await repository.between(third, first)) == []
        assert list(await repository.changed(first, third)) == ["backend/app", "frontend/app"]
        assert list(await repository.changed(first, third, ["frontend"])) == ["frontend/app"]
        assert await repository.same_content(second, third, ["backend"])
        assert not await repository.same_content(second, third)
        assert await repository.same_content(third, third)
        refusal = await error_of(repository.descends(third, "0" * 40))
        assert isinstance(refusal, RefusedError)

    async def test_an_archive(self, remote: GitRemote, repository: Repository) -> None:
        """Every file as it was committed, whatever the repository says of archives."""
        attributes = "* export-ignore\n* export-subst\n* text eol=crlf\n* ident\n"
        text = "one\r\ntwo $Format:%H$ $Id$\n"
        odd = {os.fsencode(name): content for name, content in odd_files("1").items()}
        odd |= {b"text": text, b".gitattributes": attributes}
        below: dict[str | bytes, Content] = {
            b"db/migrations/" + name: content for name, content in odd.items()
        }
        first = remote.commit({**below, ".gitattributes": attributes, "other": "1"})
        second = remote.commit({"db/migrations/plain": "2"})
        files = await _unpacked(repository, first)
        folders = {"\N{SNOWMAN}", "\N{SNOWMAN}/deep", "only1"}
        assert set(files) == {os.fsdecode(name) for name in odd} | folders
        assert files["text"] == text.encode()
        assert files["run.sh"] == b"#!/bin/sh\n# 1\n"
        assert files[os.fsdecode(b"not \xff utf-8")] == b"1"
        assert {files[name] for name in {"link", "module", *folders}} == {b""}
        assert (await _unpacked(repository, second))["plain"] == b"2"

    async def test_no_archive(self, remote: GitRemote, repository: Repository) -> None:
        """Of what is not there, is no folder, is elsewhere, or would fill the memory."""
        commit = remote.commit({"db/migrations/one": "1" * 2000, "db/file": "x"})
        outside = ("", ".", "/", "/db", "db/", "../db", "db/../db", "-h")
        absent = ("db/*", ":(top)db", "d", "db\n", "db/file", "db/migrations/one")
        for path in (*outside, *absent):
            refusal = await error_of(repository.archive(commit, path, LARGEST))
            assert isinstance(refusal, RefusedError), path
            assert refusal.code == "paths-absent", path
        refusal = await error_of(repository.archive(commit, "db", 1999))
        assert isinstance(refusal, RefusedError)
        assert refusal.code == "archive-too-large"
        for unknown in ("0" * 40, "main", "-h"):
            refusal = await error_of(repository.archive(unknown, "db", LARGEST))
            assert isinstance(refusal, RefusedError), unknown
            assert refusal.code == "unknown-revision"
        later = remote.commit({"db/later": "x"})
        await repository.refresh()
        assert await repository.archive(later, "db", LARGEST)

    async def test_tags(self, remote: GitRemote, repository: Repository) -> None:
        """Newest first, each with its commit."""
        first = remote.commit({"app": "1"})
        second = remote.commit({"app": "2"})
        remote.git("tag", "-m", "annotated", "new", second)
        remote.git("tag", "old", first)
        remote.git("tag", "tree", f"{first}^{{tree}}")
        assert list(await repository.tags()) == [("new", second), ("old", first)]
        remote.git("update-ref", b"refs/tags/caf\xe9", first)
        await repository.refresh()
        names = [name for name, _ in await repository.tags()]
        assert "caf\N{REPLACEMENT CHARACTER}" in names
        assert all(name.isprintable() for name in names)

    async def test_hostile_subjects(self, remote: GitRemote, repository: Repository) -> None:
        """Nothing of a commit acts on a terminal, however long and odd it is."""
        first = remote.commit({"app": "1"})
        remote.commit({"app": "2"}, "\x1b]0;title\x07red \x1b[31m\u202e\udcff " + "x" * 100_000)
        (line,) = await repository.between(first, remote.tip())
        assert line.subject.startswith("red")
        assert line.subject.isprintable()
        assert len(line.subject) <= LONGEST_SUBJECT

    async def test_a_commit_without_a_sane_date(
        self, remote: GitRemote, repository: Repository
    ) -> None:
        """Old importers made such; it is told and built on like any other."""
        good = remote.commit({"app": "1"})
        second = remote.commit({"app": "2"})
        tree = remote.git("rev-parse", f"{second}^{{tree}}")
        for date in ("", " -5 +0000", f" {10**20} +0000", " 1780000000 +0000"):
            who = f"Ada <ada@shop.invalid>{date}"
            text = f"tree {tree}\nparent {second}\nauthor {who}\ncommitter {who}\n\nOdd\n"
            written = ("hash-object", "-t", "commit", "-w", "--literally", "--stdin")
            odd = remote.git(*written, stdin=text.encode())
            remote.point(odd)
            await repository.refresh()
            assert [line.subject for line in await repository.between(second, odd)] == ["Odd"]
            made = await repository.commit_tree(good, odd, (), "Back")
            await repository.push(made, odd, FakeAction())
            assert remote.files(remote.tip()) == remote.files(good)

    async def test_no_message_keeps_ci_away(
        self, remote: GitRemote, repository: Repository
    ) -> None:
        """Neither as it is given nor when what acts on a terminal was taken out of it."""
        target = remote.commit({"app": "1"})
        base = remote.commit({"app": "2"})
        words = "[skip ci] [ci\x1b[0m skip] ***NO\x1b[0m_CI***\n\n\nskip-\x1b[0mchecks: true"
        made = await repository.commit_tree(target, base, (), words)
        await repository.push(made, base, FakeAction())
        said = remote.message(made)
        assert not re.search(r"\[[^]]*skip|\*\*\*NO_CI|^skip-checks:", said, re.MULTILINE), said

    async def test_the_target_s_tree(self, remote: GitRemote, repository: Repository) -> None:
        """On top of the tip stands exactly the target's tree, whatever lies between."""
        target = remote.commit(odd_files("1"))
        side = remote.commit({"feature": "x"}, branch="side", parents=[target])
        remote.commit({"data": "1"})
        remote.merge(side)
        base = remote.commit({**odd_files("2"), "run.sh": "no more a program"}, "Bad [skip ci]")
        made = await repository.commit_tree(target, base, (), "Back [skip ci]\n\nBy: a person")
        assert await repository.commit_tree(target, base, (), "Back [skip ci]\n\nBy: a person") == (
            made
        )
        await repository.push(made, base, FakeAction())
        assert remote.tip() == made
        assert remote.parents(made) == [base]
        assert remote.files(made) == remote.files(target)
        assert "[skip ci]" not in remote.message(made)
        assert remote.message(made).endswith("By: a person")

    async def test_only_paths(self, remote: GitRemote, repository: Repository) -> None:
        """The paths are the target's, all the rest is the tip's."""
        target = remote.commit(
            {"backend/app": "1", "backend/old": "1", "deep/er/er": "1", "deep/b": "1", "c": "1"}
        )
        base = remote.commit(
            {"backend/app": "2", "backend/old": None, "backend/new": "2", "deep/er/er": None}
            | {"deep/er": "now a file", "deep/b": "2", "c": "2", "later": "2"}
        )
        paths = ["backend", "deep/er", "later"]
        made = await repository.commit_tree(target, base, paths, "Back")
        await repository.push(made, base, FakeAction())
        files = remote.files(made)
        for path in paths:
            assert remote.files(made, path) == remote.files(target, path)
        rest = {name: about for name, about in files.items() if not _below(name, paths)}
        assert rest == {
            name: about for name, about in remote.files(base).items() if not _below(name, paths)
        }
        assert remote.read(made, "deep/b") == "2"

    async def test_paths_at_which_nothing_is(
        self, remote: GitRemote, repository: Repository
    ) -> None:
        """All would be the same there, and going back would delete the service that moved in."""
        old = remote.commit({"backend/app": "1"})
        base = remote.commit({"backend/app": None, "services/backend/app": "1", "later": "2"})
        for work in (
            repository.commit_tree(old, base, ["services/backend"], "Back"),
            repository.commit_tree(old, base, ["bakcend"], "Back"),
            repository.same_content(old, base, ["bakcend"]),
        ):
            refusal = await error_of(work)
            assert isinstance(refusal, RefusedError)
            assert refusal.code == "paths-absent"
        both = ["backend", "services/backend"]
        made = await repository.commit_tree(old, base, both, "Back")
        await repository.push(made, base, FakeAction())
        assert sorted(remote.files(made)) == ["backend/app", "later"]

    async def test_nothing_to_do(self, remote: GitRemote, repository: Repository) -> None:
        """No empty commit is made: it would set off a deployment for nothing."""
        first = remote.commit({"app": "1"})
        bad = remote.commit({"app": "2"})
        base = remote.commit({"app": "1"})
        for work in (
            repository.commit_tree(first, base, (), "Back"),
            repository.commit_tree(first, base, ["app"], "Back"),
            repository.commit_drop(bad, bad, base, "Out"),
        ):
            refusal = await error_of(work)
            assert isinstance(refusal, RefusedError)
            assert refusal.code == "nothing-to-do"

    async def test_one_commit_out(self, remote: GitRemote, repository: Repository) -> None:
        """What came later stays."""
        remote.commit({"app": "1\n2\n3\n4\n5\n6\n7\n8\n"})
        bad = remote.commit({"app": "one\n2\n3\n4\n5\n6\n7\n8\n", "bad": "x"})
        base = remote.commit({"app": "one\n2\n3\n4\n5\n6\n7\neight\n"})
        made = await repository.commit_drop(bad, bad, base, "Out")
        await repository.push(made, base, FakeAction())
        assert remote.read(made, "app") == "1\n2\n3\n4\n5\n6\n7\neight"
        assert "bad" not in remote.files(made)

    async def test_a_range_out(self, remote: GitRemote, repository: Repository) -> None:
        """As one: what would conflict in the middle of it does not matter."""
        remote.commit({"app": "0"})
        first = remote.commit({"app": "1"})
        remote.commit({"app": "2"})
        last = remote.commit({"app": "3"})
        base = remote.commit({"later": "x"})
        made = await repository.commit_drop(first, last, base, "Out")
        await repository.push(made, base, FakeAction())
        assert remote.read(made, "app") == "0"
        assert remote.read(made, "later") == "x"

    async def test_a_merge_out(self, remote: GitRemote, repository: Repository) -> None:
        """By its first parent: all that it brought to the branch."""
        start = remote.commit({"app": "1"})
        remote.commit({"a": "1"}, branch="side", parents=[start])
        side = remote.commit({"b": "1"}, branch="side")
        remote.commit({"app": "2"})
        merge = remote.merge(side)
        base = remote.commit({"later": "x"})
        made = await repository.commit_drop(merge, merge, base, "Out")
        await repository.push(made, base, FakeAction())
        assert sorted(remote.files(made)) == ["app", "later"]
        assert remote.read(made, "app") == "2"

    async def test_a_conflict(self, remote: GitRemote, repository: Repository) -> None:
        """Is refused with the file and the way that cannot conflict."""
        remote.commit({"app": "1"})
        bad = remote.commit({"app": "2"})
        base = remote.commit({"app": "3"})
        refusal = await error_of(repository.commit_drop(bad, bad, base, "Out"))
        assert isinstance(refusal, RefusedError)
        assert refusal.code == "drop-conflict"
        assert "app" in refusal.cause
        assert "--method tree" in refusal.mend

    async def test_no_range(self, remote: GitRemote, repository: Repository) -> None:
        """What is not a row of the branch cannot be taken out of it."""
        first = remote.commit({"app": "1"})
        side = remote.commit({"a": "1"}, branch="side", parents=[first])
        second = remote.commit({"app": "2"})
        merge = remote.merge(side)
        other = remote.commit({"z": "1"}, branch="other", parents=[first])
        ranges = ((first, first), (second, first), (other, other), (side, merge))
        for one, last in ranges:
            refusal = await error_of(repository.commit_drop(one, last, merge, "Out"))
            assert isinstance(refusal, RefusedError)
            assert refusal.code == "drop-range"

    async def test_pushed_twice(self, remote: GitRemote, repository: Repository) -> None:
        """Also when somebody built on it in between: one commit, and no error."""
        target = remote.commit({"app": "1"})
        base = remote.commit({"app": "2"})
        made = await repository.commit_tree(target, base, (), "Back")
        await repository.push(made, base, FakeAction())
        await repository.push(made, base, FakeAction())
        assert remote.tip() == made
        later = remote.commit({"later": "x"})
        await repository.push(made, base, FakeAction())
        assert remote.tip() == later

    async def test_a_race(self, remote: GitRemote, repository: Repository) -> None:
        """Whoever was first stays, forwards and backwards."""
        target = remote.commit({"app": "1"})
        base = remote.commit({"app": "2"})
        made = await repository.commit_tree(target, base, (), "Back")
        colleague = remote.commit({"other": "x"})
        for present in (colleague, target):
            remote.point(present)
            race = await error_of(repository.push(made, base, FakeAction()))
            assert isinstance(race, StepError)
            assert race.code == "push-race"
            assert not race.retryable
            assert remote.tip() == present

    async def test_only_what_stands_on_base(
        self, remote: GitRemote, repository: Repository
    ) -> None:
        """A lease alone would let through what throws commits away."""
        first = remote.commit({"app": "1"})
        second = remote.commit({"app": "2"})
        third = remote.commit({"app": "3"})
        merge = remote.merge(remote.commit({"s": "1"}, branch="side", parents=[first]))
        made = await repository.commit_tree(first, second, (), "Back")
        for commit, base in ((made, merge), (merge, third), (first, merge), (second, merge)):
            error = await error_of(repository.push(commit, base, FakeAction()))
            assert isinstance(error, StepError)
            assert error.code == "push-unrelated"
        assert remote.tip() == merge

    async def test_no_lease_no_push(self, remote: GitRemote, repository: Repository) -> None:
        """The lock is looked at right before anything is changed."""
        target = remote.commit({"app": "1"})
        base = remote.commit({"app": "2"})
        made = await repository.commit_tree(target, base, (), "Back")
        before = remote.refs()
        for work in (
            repository.push(made, base, FakeAction(stale_at=1)),
            repository.write_ref("lock", "x", None, FakeAction(stale_at=1)),
        ):
            assert isinstance(await error_of(work), StaleLeaseError)
        assert remote.refs() == before

    async def test_a_rehearsal(self, remote: GitRemote, repository: Repository) -> None:
        """Says what a push would meet, and pushes nothing."""
        target = remote.commit({"app": "1"})
        base = remote.commit({"app": "2"})
        made = await repository.commit_tree(target, base, (), "Back")
        await repository.rehearse(made, base)
        assert remote.tip() == base
        remote.commit({"app": "3"})
        race = await error_of(repository.rehearse(made, base))
        assert isinstance(race, StepError)
        assert race.code == "push-race"

    async def test_refs(self, remote: GitRemote, repository: Repository) -> None:
        """Written, read, moved, removed; each only from what was seen."""
        remote.commit({"app": "1"})
        text = '{"by": "ada"}\n\nsecond: \N{SNOWMAN}\n'
        one = await repository.write_ref("production/lock", text, None)
        assert await repository.write_ref("production/lock", text, None) == one
        other = await repository.write_ref("staging/lock", "y", None)
        assert await repository.read_refs("production/") == {"production/lock": (one, text)}
        assert set(await repository.read_refs("")) == {"production/lock", "staging/lock"}
        two = await repository.write_ref("production/lock", "moved", one)
        for work in (
            repository.write_ref("production/lock", "late", one),
            repository.write_ref("production/lock", "late", None),
            repository.write_ref("new", "late", one),
            repository.delete_ref("production/lock", one),
        ):
            refusal = await error_of(work)
            assert isinstance(refusal, RefusedError)
            assert refusal.code == "ref-race"
        assert await repository.read_refs("production/lock") == {"production/lock": (two, "moved")}
        await repository.delete_ref("production/lock", two)
        await repository.delete_ref("production/lock", two)
        assert await repository.read_refs("") == {"staging/lock": (other, "y")}

    async def test_refs_have_no_odd_names(self, remote: GitRemote, repository: Repository) -> None:
        """Whoever names environments cannot reach other refs."""
        remote.commit({"app": "1"})
        before = remote.refs()
        for name in ("", "../heads/main", "-d", "a//b", "a:b", "a b", "a.lock", "x\n", "a*"):
            for work in (repository.write_ref(name, "x", None), repository.delete_ref(name, "x")):
                refusal = await error_of(work)
                assert isinstance(refusal, RefusedError), name
        assert remote.refs() == before


async def _unpacked(repository: Repository, commit: str) -> dict[str, bytes]:
    """What is in the archive of `db/migrations`; what is no file is empty."""
    archive = await repository.archive(commit, "db/migrations", LARGEST)
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
        return {
            member.name: found.read()
            if member.isreg() and (found := tar.extractfile(member))
            else b""
            for member in tar
        }


async def error_of(work: Awaitable[object]) -> LastgoodError | None:
    """The error that some work ends with; None when it ends well."""
    try:
        await work
    except LastgoodError as error:
        return error
    return None


def odd_files(text: str) -> dict[str | bytes, Content]:
    """Files of every kind and with names that break careless programs."""
    return {
        "plain": text,
        "run.sh": Program(f"#!/bin/sh\n# {text}\n"),
        "link": Link(f"plain{text}"),
        "module": Submodule(text * 40),
        "new\nline": text,
        b"not \xff utf-8": text,
        ' "quoted" \\ \t': text,
        "-rf": text,
        ":(exclude)x": text,
        "*": text,
        "\N{SNOWMAN}/deep/er": text,
        f"only{text}/a": text,
    }


def _below(name: str, paths: list[str]) -> bool:
    return any(name == path or name.startswith(f"{path}/") for path in paths)
