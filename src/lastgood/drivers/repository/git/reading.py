"""What can be told of commits from the cache alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lastgood.drivers.repository.git.trees import LITERAL
from lastgood.errors import RefusedError, StateError
from lastgood.model.plan import CommitLine
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.drivers.repository.git.command import Git

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PREFIX = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE)
_REVISION = re.compile(
    r"([A-Za-z0-9_@][^\x00-\x20\x7f:~^\\\[\]{}*?\ud800-\udfff]{0,254})((?:~\d{0,6}|\^\d{0,2}|\^\{\})*)"
)
_MOST_TAGS = 2000
_PAGE = 1000
_LAST_SECOND = 253402300798  # the last but one of the year 9999
_SUBJECT = 200
_CUT = f"%<({_SUBJECT},trunc)"


def unknown(revision: str, cause: str, mend: str = "") -> RefusedError:
    """The refusal of a revision."""
    return RefusedError(
        f"the repository has no single commit {harmless(revision)[:80]!r}",
        cause=cause,
        mend=mend or "name a commit, tag or branch that is on the remote: git ls-remote",
        code="unknown-revision",
    )


async def require(git: Git, *commits: str) -> None:
    """See that full commits are there.

    Raises:
        RefusedError: one is not (code `unknown-revision`).
    """
    for commit in commits:
        if not _HASH.fullmatch(commit):
            raise unknown(commit, "a full commit hash is needed here")
    asked = "".join(f"{commit}^{{commit}}\n" for commit in commits).encode()
    done = await git.read("cat-file", "--batch-check=%(objectname)", stdin=asked)
    for commit, found in zip(commits, done.stdout.splitlines(), strict=True):
        if found != commit:
            raise unknown(commit, "the remote does not have it, or not any more")


async def find(git: Git, revision: str, branch: str) -> str:
    """The full commit of a revision.

    Raises:
        RefusedError: unknown or ambiguous (code `unknown-revision`).
    """
    written = _REVISION.fullmatch(revision)
    if written is None or ".." in revision:
        raise unknown(revision, "this names no commit")
    name, tail = written[1], written[2]
    if name in {"HEAD", "@"}:
        name = f"refs/heads/{branch}"
    meanings = await _meanings(git, name)
    if not meanings:
        raise unknown(revision, "no commit, tag or branch of the remote is called so")
    if len(set(meanings.values())) > 1:
        listed = ", ".join(f"{known} ({found[:12]})" for known, found in meanings.items())
        raise unknown(
            revision, f"it may mean {listed}", "write the whole hash, or refs/tags/... for a tag"
        )
    found = next(iter(meanings.values()))
    if not tail:
        return found
    done = await git.read(
        *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{found}{tail}^{{commit}}"),
        good=(0, 1, 128),
    )
    if done.returncode != 0:
        raise unknown(revision, "there is no such commit before it")
    return done.stdout.strip()


async def _meanings(git: Git, name: str) -> dict[str, str]:
    """Every commit that a name without `~` and `^` may mean, by what makes it so."""
    asked = [name] if name.startswith("refs/") else [f"refs/tags/{name}", f"refs/heads/{name}"]
    if _HASH.fullmatch(name.lower()):
        asked.append(name.lower())
    lines = "".join(f"{one}^{{commit}}\n" for one in asked).encode()
    done = await git.read("cat-file", "--batch-check=%(objectname)", stdin=lines)
    answers = zip(asked, done.stdout.splitlines(), strict=True)
    found = {one: answer for one, answer in answers if _HASH.fullmatch(answer)}
    if _PREFIX.fullmatch(name) and not _HASH.fullmatch(name.lower()):
        listed = await git.read("rev-parse", f"--disambiguate={name.lower()}")
        candidates = listed.stdout.split()
        lines = "".join(f"{one}\n" for one in candidates).encode()
        kinds = await git.read("cat-file", "--batch-check=%(objecttype)", stdin=lines)
        pairs = zip(candidates, kinds.stdout.splitlines(), strict=True)
        found |= {one: one for one, kind in pairs if kind == "commit"}
    return found


async def lines_between(git: Git, old: str, new: str, paths: Sequence[str]) -> Sequence[CommitLine]:
    """The commits of new that old lacks, newest first; without their words if those are endless."""
    try:
        return await _lines(git, old, new, paths, f"{_CUT}%an%x00{_CUT}%s")
    except StateError as error:
        if error.code != "too-much-output":
            raise
        return await _lines(git, old, new, paths, "%x00")


async def _lines(
    git: Git, old: str, new: str, paths: Sequence[str], words: str
) -> Sequence[CommitLine]:
    found: list[CommitLine] = []
    while True:
        done = await git.read(
            *("rev-list", "--topo-order", "--no-commit-header", f"--max-count={_PAGE}"),
            *(f"--skip={len(found)}", *(("--full-history",) if paths else ())),
            *(f"--format=%H%x00%ct%x00{words}%x00", "--end-of-options"),
            *(f"{old}..{new}", "--", *paths),
            env=LITERAL,
        )
        fields = done.stdout.split("\0")[:-1]
        page = [_line(*fields[at : at + 4]) for at in range(0, len(fields), 4)]
        found += page
        if len(page) < _PAGE:
            return found


def _line(commit: str, seconds: str, author: str, subject: str) -> CommitLine:
    return CommitLine(
        commit=commit.strip(),
        subject=_one_line(subject),
        author=_one_line(author),
        at=datetime.fromtimestamp(seconds_of(seconds), UTC),
    )


def seconds_of(date: str) -> int:
    """A commit's date in seconds since 1970; 0 for what is no date, and printed as nothing."""
    return min(int(date), _LAST_SECOND) if date.isdecimal() else 0


def _one_line(text: str) -> str:
    # Git cuts by columns, and leaves what is not UTF-8 as long as it is.
    return " ".join(harmless(text[:_SUBJECT]).split())


async def files_between(git: Git, old: str, new: str, paths: Sequence[str]) -> Sequence[str]:
    """The files that differ between two commits, by their names as people may see them."""
    done = await git.read(
        *("diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff"),
        *("--ignore-submodules=none", "--end-of-options"),
        *(f"{old}^{{tree}}", f"{new}^{{tree}}", "--", *paths),
        env=LITERAL,
    )
    return [harmless(name) for name in done.stdout.split("\0")[:-1]]


async def tags_of(git: Git) -> Sequence[tuple[str, str]]:
    """The newest tags that lead to commits."""
    listed = await git.read(
        *("for-each-ref", f"--count={_MOST_TAGS}", "--sort=-creatordate"),
        *("--format=%(refname)", "refs/tags/"),
    )
    names = listed.stdout.splitlines()
    lines = "".join(f"{name}^{{commit}}\n" for name in names)
    asked = lines.encode(errors="surrogateescape")  # a tag's name is bytes, of any encoding
    done = await git.read("cat-file", "--batch-check=%(objectname)", stdin=asked)
    answers = zip(names, done.stdout.splitlines(), strict=True)
    return [
        (harmless(name.removeprefix("refs/tags/")), commit)
        for name, commit in answers
        if _HASH.fullmatch(commit)
    ]
