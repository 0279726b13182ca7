"""The deploy tool itself: its commands as processes, and what they print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.drivers.deploy.command.options import COMMIT
from lastgood.errors import ChildError, RemoteError, StepError
from lastgood.model.revision import is_release_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from lastgood.drivers.deploy.command.options import CommandOptions
    from lastgood.ports.action import Action
    from lastgood.ports.children import Children

# What may pass when the command is run once more; one that could not be killed must not be.
_WORTH_ANOTHER_TRY = frozenset({"child-failed", "child-timeout"})


class DeployTool:
    """Runs the commands in the configuration file's folder."""

    def __init__(self, options: CommandOptions, folder: Path) -> None:
        self._options = options
        self._folder = folder

    async def current(self, children: Children) -> str | None:
        """The release that runs; None when the tool prints nothing, or cannot be asked.

        Raises:
            RemoteError: the tool failed, hung or printed rubbish (code `current-failed`).
        """
        argv = self._options.current
        if argv is None:
            return None
        try:
            finished = await children.run(
                argv, timeout=self._options.current_timeout, cwd=self._folder
            )
        except ChildError as error:
            raise _unknown(argv, str(error)) from error
        printed = finished.stdout.strip().split("\n", 1)[0].strip()
        if printed and not is_release_name(printed):
            raise _unknown(argv, f"its first line is {printed[:80]!r}, which names no release")
        return printed or None

    async def deploy(self, commit: str, action: Action) -> None:
        """Put a release live, and wait for it where there is a command for that.

        Raises:
            StepError: a command failed (codes `deploy-failed`, `wait-failed`).
        """
        options = self._options
        await self._run("deploy", options.deploy, options.deploy_timeout, commit, action)
        if options.wait:
            await self._run("wait", options.wait, options.wait_timeout, commit, action)

    async def waited(self, commit: str, children: Children) -> bool:
        """Whether `wait` says that a release is live; so it is, where there is no such command."""
        if not self._options.wait:
            return True
        try:
            await children.run(
                _filled(self._options.wait, commit),
                timeout=self._options.wait_timeout,
                cwd=self._folder,
            )
        except ChildError:
            return False  # then it is deployed again, and what is wrong is said
        return True

    async def _run(
        self, name: str, argv: Sequence[str], limit: float, commit: str, action: Action
    ) -> None:
        action.fence()
        action.note(f"{name}: {argv[0]}")
        filled = _filled(argv, commit)
        try:
            await action.children.run(filled, timeout=limit, cwd=self._folder)
        except ChildError as error:
            raise StepError(
                f"the {name} command failed for {commit}",
                cause=str(error),
                mend=f"run it by hand to see why, then: lastgood rollback (it is {filled})",
                code=f"{name}-failed",
                retryable=error.code in _WORTH_ANOTHER_TRY,
            ) from error


def _filled(argv: Sequence[str], commit: str) -> list[str]:
    # Each argument by itself: whatever stands in it, it stays one argument.
    return [argument.replace(COMMIT, commit) for argument in argv]


def _unknown(argv: Sequence[str], cause: str) -> RemoteError:
    return RemoteError(
        "the deploy tool does not say what runs",
        cause=cause,
        mend=f"run it by hand, it must print a commit in its first line: {list(argv)}",
        code="current-failed",
        retryable=True,
    )
