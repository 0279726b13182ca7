"""Texts under names in the remote: `refs/lastgood/...`, changed by compare-and-swap."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lastgood.drivers.repository.git.command import FETCH_PROGRAM, REMOTE
from lastgood.drivers.repository.git.commits import text_commit
from lastgood.drivers.repository.git.failure import remote_error
from lastgood.drivers.repository.git.pushing import Answer, push_if
from lastgood.errors import RefusedError, RemoteError
from lastgood.ports.repository import Ref

if TYPE_CHECKING:
    from lastgood.drivers.repository.git.address import Address
    from lastgood.drivers.repository.git.cache import Cache
    from lastgood.drivers.repository.git.command import Git
    from lastgood.ports.action import Action

_ROOT = "refs/lastgood/"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*")
_LARGEST = 1 << 18


class Refs:
    """Our refs in one remote."""

    def __init__(self, git: Git, cache: Cache, address: Address) -> None:
        self._git = git
        self._cache = cache
        self._remote = address.identity

    async def read(self, prefix: str) -> dict[str, Ref]:
        """The refs whose name begins so, as the remote has them now.

        Raises:
            RemoteError: it does not answer, or one is not what we write (code `ref-unreadable`).
        """
        if prefix and not _fit(prefix.removesuffix("/")):
            raise _unfit(prefix)
        await self._cache.fetch_refs(f"{_ROOT}*")
        listed = await self._git.read(
            "for-each-ref",
            "--format=%(objectname) %(objecttype) %(objectsize) %(refname)",
            _ROOT,
        )
        found = {}
        for line in listed.stdout.splitlines():
            commit, kind, size, ref = line.split(" ", 3)
            name = ref.removeprefix(_ROOT)
            if not name.startswith(prefix):
                continue
            if kind != "commit" or int(size) > _LARGEST:
                raise RemoteError(
                    f"{ref} in {self._remote} was not written by lastgood",
                    cause=f"it is a {kind} of {size} bytes",
                    mend=f"remove it: git push origin :{ref}",
                    code="ref-unreadable",
                )
            whole = await self._git.read("cat-file", "commit", commit)
            found[name] = Ref(commit, whole.stdout.partition("\n\n")[2])
        return found

    async def write(self, name: str, text: str, expected: str | None, action: Action | None) -> str:
        """Point a ref at the commit that carries the text; see `Repository.write_ref`."""
        ref = self._ref(name)
        if "\0" in text:
            raise ValueError("a ref's text cannot hold NUL characters")
        commit = await text_commit(self._git, text)
        answer = await push_if(self._git, self._remote, ref, commit, expected or "", action)
        if answer is Answer.RACED and await self._at(ref) != commit:
            raise self._raced(ref)
        return commit

    async def delete(self, name: str, expected: str, action: Action | None) -> None:
        """Remove a ref that points at `expected`; see `Repository.delete_ref`."""
        ref = self._ref(name)
        present = await self._at(ref)
        if present is None:
            return
        if present != expected:
            raise self._raced(ref)
        answer = await push_if(self._git, self._remote, ref, "", expected, action)
        if answer is Answer.RACED and await self._at(ref) is not None:
            raise self._raced(ref)

    async def _at(self, ref: str) -> str | None:
        done = await self._git.ask("ls-remote", "--quiet", FETCH_PROGRAM, "--", REMOTE, ref)
        if done.returncode != 0:
            raise remote_error(self._remote, done.stderr)
        pairs = (line.partition("\t") for line in done.stdout.splitlines())
        return next((commit for commit, _, found in pairs if found == ref), None)

    def _ref(self, name: str) -> str:
        if not _fit(name):
            raise _unfit(name)
        return f"{_ROOT}{name}"

    def _raced(self, ref: str) -> RefusedError:
        return RefusedError(
            f"{ref} in {self._remote} was changed by somebody else",
            cause="it did not point at what was read before",
            mend="look at it again: lastgood status",
            code="ref-race",
        )


def _fit(name: str) -> bool:
    parts = name.split("/")
    return bool(_NAME.fullmatch(name)) and not any(
        ".." in part or part.endswith((".", ".lock")) for part in parts
    )


def _unfit(name: str) -> RefusedError:
    return RefusedError(
        f"{name[:80]!r} cannot be the name of a ref",
        cause="letters, digits, `.`, `_`, `-` and single slashes can",
        mend="rename the environment or service in lastgood.yaml",
        code="ref-name",
    )
