"""The way down of a live database, as the step of a run does it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from lastgood.app.backups.keys import identity_of
from lastgood.app.backups.migrations import unpack_migrations
from lastgood.app.backups.place import Place, place_of
from lastgood.app.databases.descending import goes_with
from lastgood.app.project import now
from lastgood.backup.recipients import unwrap
from lastgood.errors import ChildError, RefusedError, StepError
from lastgood.ports.migrating import Migrating

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.app.project import Project
    from lastgood.model.exchange import Exchange
    from lastgood.model.run import Run
    from lastgood.ports.action import Action

DOWNGRADED = "database.downgraded"
LOCKED = "lock timeout"
"""What the server says when others used a table for longer than a migration waits."""


class DatabaseDowngrader:
    """Implements `execute.handlers.downgrade.Downgrader`."""

    def __init__(self, project: Project, run: Run) -> None:
        self._project = project
        self._run = run

    async def revision(self, exchange: Exchange) -> str | None:
        """See `Downgrader.revision`."""
        return await asyncio.to_thread(self._migrating(exchange).revision)

    async def downgrade(self, exchange: Exchange, action: Action) -> None:
        """See `Downgrader.downgrade`: by a child, which dies with the step.

        Raises:
            RefusedError: more rows would go than was accepted, or the migrations cannot be read.
            StepError: they failed (`downgrade-failed`).
        """
        database = self._migrating(exchange)
        await asyncio.to_thread(_refuse_more, database, exchange)
        unpacking = await asyncio.to_thread(self._unpacking, exchange)
        with ExitStack() as stack:
            laid_out = database.scripts(unpacking, None)
            scripts = await asyncio.to_thread(stack.enter_context, laid_out)
            for secret in scripts.secrets:
                self._project.masker.add(secret)
            action.note(f"the migrations kept with {exchange.copy} are run down")
            action.fence()
            try:
                await action.children.run(
                    scripts.down(exchange.lower),
                    timeout=scripts.limit_s, cwd=scripts.cwd, env=scripts.env,
                )  # fmt: skip
            except ChildError as error:
                raise StepError(
                    f"{exchange.database} could not be migrated down to {exchange.lower}",
                    cause=error.cause or error.message,
                    mend="see what it says; bring the database back by a backup instead: "
                    "lastgood db restore",
                    code="downgrade-failed",
                    retryable=error.retryable or LOCKED in error.cause,
                ) from error

    def done(self, exchange: Exchange) -> None:
        """See `Downgrader.done`."""
        project = self._project
        project.state.events.append(
            DOWNGRADED, self._run.by,
            f"{exchange.database} was migrated down from {exchange.upper} to {exchange.lower}",
            at=now(), environment=project.name, incident=self._run.incident, run=self._run.id,
            data={
                "database": exchange.database, "backup": exchange.copy,
                "upper": exchange.upper, "lower": exchange.lower,
            },
        )  # fmt: skip

    def _unpacking(self, exchange: Exchange) -> Callable[[Path], None]:
        place = self._places[exchange.database]
        backup = place.kept.read(exchange.copy).backup
        identity = identity_of(self._project, place, None)
        key = unwrap(backup.keys, identity, backup.id)
        return lambda folder: unpack_migrations(place, backup, key, folder)

    def _migrating(self, exchange: Exchange) -> Migrating:
        database = self._places[exchange.database].database
        if not isinstance(database, Migrating):
            raise RefusedError(
                f"the driver of {exchange.database} runs no migrations",
                mend="bring it back by a backup: lastgood db restore",
                code="no-tool",
            )
        return database

    @cached_property
    def _places(self) -> dict[str, Place]:
        names = [exchange.database for exchange in self._run.plan.exchanges]
        return {name: place_of(self._project, name) for name in names}


def _refuse_more(database: Migrating, exchange: Exchange) -> None:
    """Count once more what goes with whole tables."""
    if exchange.accepted is None or exchange.loss is None:
        return
    counted = goes_with(database, [table.table for table in exchange.loss.tables]).vanishing
    if counted is None or counted > exchange.accepted:
        said = "an unknown number of" if counted is None else str(counted)
        raise RefusedError(
            f"more of {exchange.database} would be lost than was accepted",
            cause=f"{said} rows by now, {exchange.accepted} were accepted; nothing was changed",
            mend="plan anew, and accept what it says: lastgood rollback --accept-loss",
            code="loss-over-accepted",
        )
