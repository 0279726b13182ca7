"""The port of the repository family: what can be read from and pushed to a git remote."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lastgood.model.plan import CommitLine
    from lastgood.ports.action import Action


class Ref(NamedTuple):
    """A ref of ours: the object that it points at, and the text that object carries."""

    object: str
    text: str


class Repository(Protocol):
    """A git remote, read through a private bare cache; the user's working copy is never touched.

    Every method raises RemoteError (retryable where it may pass) when the remote does not answer.
    """

    @property
    def branch(self) -> str:
        """The branch that is deployed."""

    @property
    def shared_key(self) -> str:
        """Equal for two repositories that push to the same branch of the same remote."""

    async def refresh(self) -> None:
        """Bring the cache up to the remote's present state."""

    async def tip(self) -> str:
        """The branch's newest commit on the remote.

        Raises:
            RefusedError: the repository is empty or has no such branch.
        """

    async def resolve(self, revision: str) -> str:
        """The full commit of a revision.

        Raises:
            RefusedError: unknown or ambiguous (code `unknown-revision`).
        """

    async def descends(self, commit: str, ancestor: str) -> bool:
        """Whether a commit is the ancestor or is built on it."""

    async def same_content(self, one: str, other: str, paths: Sequence[str] = ()) -> bool:
        """Whether two commits carry the same tree, wholly or for these paths.

        Raises:
            RefusedError: neither has anything at these paths (code `paths-absent`).
        """

    async def between(self, old: str, new: str, paths: Sequence[str] = ()) -> Sequence[CommitLine]:
        """The commits of `new` that `old` lacks, newest first, optionally only those on paths."""

    async def changed(self, old: str, new: str, paths: Sequence[str] = ()) -> Sequence[str]:
        """The files that differ between two commits."""

    async def archive(self, commit: str, path: str, most: int) -> bytes:
        """The files below a folder at a commit, exactly as they were committed, as a tar archive.

        Names begin below the folder. It holds what the commit does: also links, and names that
        must not be followed when it is unpacked. A submodule is an empty folder.

        Args:
            commit: a full commit.
            path: from the repository's root, without a slash at either end.
            most: how many bytes it may have.

        Raises:
            RefusedError: the commit is unknown (`unknown-revision`), has no such folder
                (`paths-absent`), or the folder is larger (`archive-too-large`).
        """

    async def tags(self) -> Sequence[tuple[str, str]]:
        """Tags with their commits, newest first."""

    async def commit_tree(self, target: str, base: str, paths: Sequence[str], message: str) -> str:
        """Make the commit that carries the target's tree (or only its paths) on top of base.

        Made in the cache only: pushing is `push`. The same arguments give the same commit.

        Raises:
            RefusedError: base carries that already (`nothing-to-do`), or the target has nothing at
                any of the paths (`paths-absent`).
        """

    async def commit_drop(self, first: str, last: str, base: str, message: str) -> str:
        """Make the commit on base that takes the range first..last (both included) out.

        A merge commit is taken out by its first parent.

        Raises:
            RefusedError: it conflicts (code `drop-conflict`; the mend names `--method tree`).
        """

    async def push(self, commit: str, base: str, action: Action) -> None:
        """Put the commit on the branch if and only if the branch is still at base.

        `base` must be the commit's only parent. Doing it twice is harmless.

        Raises:
            StepError: the branch moved (`push-race`), is protected (`push-protected`), a hook
                refused (`push-refused`).
        """

    async def rehearse(self, commit: str, base: str) -> None:
        """Ask the remote whether it would take that push, and change nothing.

        Shows whether we may write at all; rules that a host checks only on a real push stay unseen.

        Raises:
            StepError: as for `push`.
        """

    async def read_refs(self, prefix: str) -> dict[str, Ref]:
        """The refs that begin with `refs/lastgood/PREFIX`, by their name after `refs/lastgood/`."""

    async def write_ref(
        self, name: str, text: str, expected: str | None, action: Action | None = None
    ) -> str:
        """Create or move `refs/lastgood/NAME` to a commit whose message is the text.

        Compare-and-swap: expected is the object the ref must point at now, None for absent.
        Gives the new object.

        Raises:
            RefusedError: somebody else changed it first (code `ref-race`).
        """

    async def delete_ref(self, name: str, expected: str, action: Action | None = None) -> None:
        """Remove the ref if it still points at `expected`; absent is good."""
