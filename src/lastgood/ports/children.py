"""Children: other programs, run as argument lists with a time limit and masked output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lastgood.model.noun import Noun

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Finished(Noun, frozen=True, kw_only=True):
    """A child that ended by itself.

    Attributes:
        argv: what was run, masked.
        returncode: its exit code; the negative signal number when a signal ended it.
        stdout: what it printed, masked. Bytes that are not UTF-8 are surrogates, so that
            `stdout.encode(errors="surrogateescape")` gives them back; pass it through
            `lastgood.process.masking.harmless` before a person sees it.
        stderr: likewise.
        seconds: from start to end.
        truncated: whether the middle of stdout or stderr was dropped because it was too long.
    """

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    seconds: float
    truncated: bool = False


class Children(Protocol):
    """Runs other programs."""

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,  # noqa: ASYNC109 - the child is killed at it, not only left waiting
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes | None = None,
        check: bool = True,
    ) -> Finished:
        """Run a program to its end. Cancelling ends it, and returns only when it is dead.

        Args:
            argv: the program and its arguments; no shell, and no secret: those go by `env` or
                `stdin`, since every user of the machine can read the process list.
            timeout: seconds after which the child and what it started are killed.
            cwd: where it runs; the caller's directory by default.
            env: added to a minimal inherited environment.
            stdin: what it reads; nothing by default.
            check: whether an exit code other than 0 is an error.

        Raises:
            ChildError: `child-failed` (with check), `child-timeout`, `child-not-started`,
                `guard-killed` or `child-alive` (something could not be killed).
            StaleLeaseError: someone took this work over while the child ran.
        """
        ...
