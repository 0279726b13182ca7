"""The port of the deploy family: how a release of one service is put live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from lastgood.model.plan import Move
    from lastgood.model.route import FoundRelease, Route
    from lastgood.model.run import StepOutcome
    from lastgood.ports.action import Action


class Deployer(Protocol):
    """One service's way to put a release live.

    Reading methods change nothing and may be called at any time. `apply` may be called again after
    a crash at any point within it, and must come to the same end; so `inspect` is asked first.
    """

    @property
    def tells_current(self) -> bool:
        """Whether `current` can say what runs (else only a check that names a version can)."""

    async def current(self) -> str | None:
        """The commit that runs; None when this driver cannot tell or nothing runs yet.

        What was put live and may not run everywhere, for a restart is owed, is not told.
        """

    async def resolve(self, revision: str) -> str:
        """The full commit of a tag, branch, short hash or release name.

        Raises:
            RefusedError: there is no such revision (code `unknown-revision`), or it is ambiguous.
        """

    async def survey(self, target: str, origin: str | None, drop: str | None = None) -> list[Route]:
        """All routes of this driver to a target, also those that cannot be taken, with why.

        Args:
            target: the full commit to come back to.
            origin: the commit that runs, where it is known. Another one than the target that is
                live already: some instance still runs it, and the target is put live once more.
            drop: a commit or `FIRST..LAST` to take out instead of going back wholly.
        """

    async def inspect(self, move: Move) -> StepOutcome | None:
        """The outcome when the move is done already, else None; it is not when asked for again."""

    async def apply(self, move: Move, action: Action) -> None:
        """Bring it about. Calls `action.fence()` right before each side effect.

        Raises:
            StepError: it did not work; `retryable` says whether trying again may help.
        """

    async def confirm(self, move: Move, action: Action) -> StepOutcome:
        """Show by what can be seen from outside that it is so; waits as long as it must.

        The outcome's `detail["version"]` is the version that must answer, where it differs from
        the target (a new commit with the target's tree).

        Raises:
            StepError: the other side said yes and did nothing, or says no.
        """

    async def same(self, commit: str, target: str) -> bool:
        """Whether a commit carries the target's content for this service's paths."""

    async def found(self) -> Sequence[FoundRelease]:
        """The releases that can be seen where they are kept, newest first."""

    async def prune(self, protected: Collection[str], action: Action) -> Sequence[str]:
        """Remove old releases, never a protected or running one; says which went."""
