"""What is done in a restored copy before clients come back."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.client.faults import told
from lastgood.errors import ChildError, LastgoodError, RefusedError
from lastgood.process.guarded import GuardedChildren

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from psycopg import Connection

    from lastgood.drivers.database.postgres.options import Hook
    from lastgood.process.masking import Masker

_CANCEL_S = 5.0


class Hooks:
    """The hooks of one database.

    Args:
        timeout_s: a hook that takes longer has failed.
        base: where commands run.
        guards: where it is noted which commands run.
    """

    def __init__(
        self, hooks: Sequence[Hook], timeout_s: float, base: Path, guards: Path, masker: Masker
    ) -> None:
        self._hooks = hooks
        self._timeout_s = timeout_s
        self._base = base
        self._guards = guards
        self._masker = masker

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._hooks)

    @property
    def longest_s(self) -> float:
        """What they may take in all."""
        return len(self._hooks) * self._timeout_s

    @contextmanager
    def run(self, connection: Connection[Any], fence: Callable[[], None]) -> Iterator[None]:
        """Run them in their order; what SQL did is kept when the context ends well.

        Args:
            connection: to the copy, in no transaction.
            fence: raises when we have no say any more; asked before each command.

        Raises:
            RefusedError: one failed (`hook-failed`); nothing was changed.
            ChildError: one failed after a command had been run: what that did stays.
        """
        commands = 0
        if not self:
            yield
            return
        connection.execute("BEGIN")
        for number, hook in enumerate(self._hooks, 1):
            what = f"hook {number} of `before_open`"
            try:
                if hook.sql is not None:
                    self._sql(connection, hook.sql, what)
                elif hook.command is not None:
                    fence()
                    commands += 1
                    self._command(hook.command)
            except LastgoodError as error:
                if error.code in {"database-lost", "stale-lease"}:
                    raise
                raise _failed(what, error, commands) from error
        yield
        connection.execute("COMMIT")

    def _sql(self, connection: Connection[Any], text: str, what: str) -> None:
        from psycopg.pq import TransactionStatus  # noqa: PLC0415 - for those who need it

        # For all statements together; the server's own limit, for each, is for a lost client.
        limit = max(1, int(self._timeout_s * 1000))
        connection.execute(f"SET LOCAL statement_timeout = {limit}".encode())
        with _limited(self._timeout_s, lambda: _cancel(connection)), told(what, self._masker):
            connection.execute(text.encode())
        if connection.info.transaction_status is not TransactionStatus.INTRANS:
            raise RefusedError(
                f"{what} ended the transaction",
                cause="what it did could not be taken back if the swap did not come about",
                mend="leave BEGIN, COMMIT and ROLLBACK out of it",
                code="hook-failed",
            )

    def _command(self, argv: Sequence[str]) -> None:
        # Under the guard: it dies with us, and what a killed predecessor left is ended first.
        children = GuardedChildren(self._guards, "before-open", self._masker)

        async def run() -> None:
            try:
                await children.run(argv, timeout=self._timeout_s, cwd=self._base)
            finally:
                await children.clear()

        asyncio.run(run())


def _cancel(connection: Connection[Any]) -> None:
    import psycopg  # noqa: PLC0415 - a quarter of a second, for those who need it

    # When it does not hear, the limit of its statements ends it.
    with suppress(psycopg.Error):
        connection.cancel_safe(timeout=_CANCEL_S)


@contextmanager
def _limited(seconds: float, end: Callable[[], None]) -> Iterator[None]:
    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # Not to meet the next statement.
        timer.join()


def _failed(what: str, error: LastgoodError, commands: int) -> LastgoodError:
    mend = "mend it, or leave it out, then try again; the live database is as it was"
    cause = f"{error.message}: {error.cause}" if error.message != what else error.cause
    if not commands:
        return RefusedError(f"{what} failed", cause=cause, mend=mend, code="hook-failed")
    return ChildError(
        f"{what} failed",
        cause=cause,
        mend=f"{mend}, but what the commands before it did stays",
        code="hook-failed",
    )
