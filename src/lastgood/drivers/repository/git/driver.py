"""The repository port on git."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from lastgood.drivers.repository.git import commits, reading
from lastgood.drivers.repository.git.address import read_address
from lastgood.drivers.repository.git.archive import archived
from lastgood.drivers.repository.git.cache import Cache
from lastgood.drivers.repository.git.command import Git
from lastgood.drivers.repository.git.failure import BrokenCacheError
from lastgood.drivers.repository.git.pushing import Answer, push_if
from lastgood.drivers.repository.git.refs import Refs
from lastgood.drivers.repository.git.trees import differs, require_any
from lastgood.errors import RefusedError, StepError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from lastgood.drivers.repository.git.options import GitRepositoryOptions
    from lastgood.model.plan import CommitLine
    from lastgood.ports.action import Action
    from lastgood.ports.repository import Ref, Repository
    from lastgood.ports.toolbox import Toolbox

T = TypeVar("T")


def make(options: GitRepositoryOptions, toolbox: Toolbox) -> Repository:
    """Make the driver of one repository."""
    return GitRepository(options, toolbox)


class GitRepository:
    """A git remote; implements `ports.repository.Repository`. Needs git 2.38 or later."""

    def __init__(self, options: GitRepositoryOptions, toolbox: Toolbox) -> None:
        self._address = read_address(options.repository, toolbox.base)
        self._branch = options.branch
        place = toolbox.state.absolute() / "git" / f"{self._address.key}.git"
        self._git = Git(toolbox.children, self._address, place)
        self._cache = Cache(self._git, self._address)
        self._refs = Refs(self._git, self._cache, self._address)
        self._refreshed = False

    @property
    def branch(self) -> str:
        """See `Repository.branch`."""
        return self._branch

    @property
    def shared_key(self) -> str:
        """See `Repository.shared_key`."""
        return f"{self._address.identity}#{self._branch}"

    async def refresh(self) -> None:
        """See `Repository.refresh`."""
        await self._cache.fetch()
        self._refreshed = True

    async def tip(self) -> str:
        """See `Repository.tip`; as of the last refresh."""
        return await self._reading(self._tip)

    async def resolve(self, revision: str) -> str:
        """See `Repository.resolve`; what is not known is looked for once more on the remote."""
        fresh = not self._refreshed
        try:
            return await self._reading(lambda: reading.find(self._git, revision, self._branch))
        except RefusedError:
            if fresh or not re.fullmatch(r"[\w./~^+-]+", revision, re.ASCII):
                raise
        await self.refresh()
        return await self._reading(lambda: reading.find(self._git, revision, self._branch))

    async def descends(self, commit: str, ancestor: str) -> bool:
        """See `Repository.descends`."""

        async def look() -> bool:
            await reading.require(self._git, commit, ancestor)
            words = ("merge-base", "--is-ancestor", ancestor, commit)
            return (await self._git.read(*words, good=(0, 1))).returncode == 0

        return await self._reading(look)

    async def same_content(self, one: str, other: str, paths: Sequence[str] = ()) -> bool:
        """See `Repository.same_content`."""

        async def look() -> bool:
            await reading.require(self._git, one, other)
            if await differs(self._git, one, other, paths):
                return False
            if paths and one != other:
                await require_any(self._git, one, paths)
            return True

        return await self._reading(look)

    async def between(self, old: str, new: str, paths: Sequence[str] = ()) -> Sequence[CommitLine]:
        """See `Repository.between`."""

        async def look() -> Sequence[CommitLine]:
            await reading.require(self._git, old, new)
            return await reading.lines_between(self._git, old, new, paths)

        return await self._reading(look)

    async def changed(self, old: str, new: str, paths: Sequence[str] = ()) -> Sequence[str]:
        """See `Repository.changed`."""

        async def look() -> Sequence[str]:
            await reading.require(self._git, old, new)
            return await reading.files_between(self._git, old, new, paths)

        return await self._reading(look)

    async def tags(self) -> Sequence[tuple[str, str]]:
        """See `Repository.tags`."""
        return await self._reading(lambda: reading.tags_of(self._git))

    async def archive(self, commit: str, path: str, most: int) -> bytes:
        """See `Repository.archive`; a commit that is in the cache needs no remote to be read."""

        async def look() -> bytes:
            await reading.require(self._git, commit)
            return await archived(self._git, commit, path, most)

        try:
            return await self._healing(look)
        except RefusedError as error:
            if self._refreshed or error.code != "unknown-revision":
                raise
        return await self._reading(look)

    async def commit_tree(self, target: str, base: str, paths: Sequence[str], message: str) -> str:
        """See `Repository.commit_tree`."""

        async def make() -> str:
            await reading.require(self._git, target, base)
            return await commits.carrying(self._git, target, base, paths, message)

        return await self._reading(make)

    async def commit_drop(self, first: str, last: str, base: str, message: str) -> str:
        """See `Repository.commit_drop`."""

        async def make() -> str:
            await reading.require(self._git, first, last, base)
            return await commits.without(self._git, first, last, base, message)

        return await self._reading(make)

    async def push(self, commit: str, base: str, action: Action) -> None:
        """See `Repository.push`."""
        if await self._push(commit, base, action) is Answer.TAKEN:
            return
        await self.refresh()
        tip = await self.tip()
        if not await self.descends(tip, commit):
            raise self._raced(base, tip)

    async def rehearse(self, commit: str, base: str) -> None:
        """See `Repository.rehearse`."""
        if await self._push(commit, base, None, rehearse=True) is Answer.RACED:
            raise self._raced(base, "")

    async def read_refs(self, prefix: str) -> dict[str, Ref]:
        """See `Repository.read_refs`."""
        return await self._healing(lambda: self._refs.read(prefix))

    async def write_ref(
        self, name: str, text: str, expected: str | None, action: Action | None = None
    ) -> str:
        """See `Repository.write_ref`."""
        return await self._healing(lambda: self._refs.write(name, text, expected, action))

    async def delete_ref(self, name: str, expected: str, action: Action | None = None) -> None:
        """See `Repository.delete_ref`."""
        await self._healing(lambda: self._refs.delete(name, expected, action))

    async def _push(
        self, commit: str, base: str, action: Action | None, *, rehearse: bool = False
    ) -> Answer:
        async def parents() -> list[str]:
            await reading.require(self._git, commit, base)
            return await commits.parents_of(self._git, commit)

        # A lease lets anything through once base is right: also what would throw commits away.
        if await self._reading(parents) != [base]:
            raise StepError(
                f"{commit[:12]} is not built on {base[:12]}",
                cause="only a commit whose single parent is the branch's tip is ever pushed",
                mend="plan again: lastgood rollback",
                code="push-unrelated",
            )
        ref = f"refs/heads/{self._branch}"
        remote = self._address.identity
        return await push_if(self._git, remote, ref, commit, base, action, rehearse=rehearse)

    def _raced(self, base: str, tip: str) -> StepError:
        return StepError(
            f"{self._branch} is not at {base[:12]} any more: somebody pushed meanwhile",
            cause=f"it is at {tip[:12]} now" if tip else "the remote compared, and nothing changed",
            mend="look at what came in, then plan again: lastgood rollback",
            code="push-race",
        )

    async def _tip(self) -> str:
        ref = f"refs/heads/{self._branch}"
        done = await self._git.read("for-each-ref", "--format=%(refname) %(objectname)", ref)
        for line in done.stdout.splitlines():
            name, _, commit = line.partition(" ")
            if name == ref:
                return commit
        listed = await self._git.read(
            "for-each-ref", "--count=10", "--format=%(refname:lstrip=2)", "refs/heads/"
        )
        branches = harmless(listed.stdout).splitlines()
        if not branches:
            raise RefusedError(
                f"{self._address.identity} is empty",
                cause="it has no branch",
                mend="push the first commit to it, or correct `repository` in lastgood.yaml",
                code="empty-repository",
            )
        raise RefusedError(
            f"{self._address.identity} has no branch {self._branch}",
            cause=f"it has {', '.join(branches)}",
            mend="correct `branch` in lastgood.yaml",
            code="unknown-branch",
        )

    async def _reading(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what needs the remote's state, which is read first if it never was."""
        if not self._refreshed:
            await self.refresh()
        return await self._healing(work)

    async def _healing(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it; when the cache turns out to be broken, make it anew and do it once more."""
        await self._cache.ready()
        try:
            return await work()
        except BrokenCacheError:
            if not await self._cache.mend():
                raise
        return await work()
