"""The holds: releases that may not be deployed, with all that is built on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from lastgood.errors import RefusedError
from lastgood.model.hold import Hold
from lastgood.store.database import Database, noun_of
from lastgood.store.schema import holds

if TYPE_CHECKING:
    from datetime import datetime


class Holds:
    """Marks that keep bad releases from coming back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def set(
        self,
        environment: str,
        service: str,
        commit: str,
        *,
        reason: str,
        by: str,
        at: datetime,
        run: str | None = None,
    ) -> Hold:
        """Hold a release; gives the standing hold when there is one already."""
        with self._database.write() as connection:
            standing = connection.execute(
                select(holds).where(
                    holds.c.environment == environment,
                    holds.c.service == service,
                    holds.c.commit == commit,
                    holds.c.lifted_at.is_(None),
                )
            ).first()
            if standing is not None:
                return noun_of(Hold, standing)
            values = {
                "environment": environment,
                "service": service,
                "commit": commit,
                "reason": reason,
                "by": by,
                "at": at,
                "run": run,
            }
            added = insert(holds).values(values).returning(holds)
            return noun_of(Hold, connection.execute(added).one())

    def standing(self, environment: str, service: str | None = None) -> list[Hold]:
        """The holds that nobody lifted, oldest first."""
        query = select(holds).where(holds.c.environment == environment, holds.c.lifted_at.is_(None))
        if service is not None:
            query = query.where(holds.c.service == service)
        with self._database.read() as connection:
            return [noun_of(Hold, row) for row in connection.execute(query.order_by(holds.c.id))]

    def list_all(self, environment: str) -> list[Hold]:
        """All holds, also the lifted ones, oldest first."""
        query = select(holds).where(holds.c.environment == environment).order_by(holds.c.id)
        with self._database.read() as connection:
            return [noun_of(Hold, row) for row in connection.execute(query)]

    def lift(self, hold_id: int, *, by: str, reason: str, at: datetime) -> Hold:
        """Lift a hold; one that was lifted before stays as it is.

        Raises:
            RefusedError: there is no such hold (code `unknown-hold`).
        """
        return self._update(hold_id, {"lifted_at": at, "lifted_by": by, "lifted_reason": reason})

    def allow_fix(self, hold_id: int, fix: str, *, by: str, reason: str, at: datetime) -> Hold:
        """Let one commit pass that is built on the held release; a later one replaces it.

        Raises:
            RefusedError: there is no such hold (code `unknown-hold`).
        """
        return self._update(hold_id, {"fix": fix, "fix_by": by, "fix_reason": reason, "fix_at": at})

    def _update(self, hold_id: int, values: dict[str, Any]) -> Hold:
        with self._database.write() as connection:
            stands = holds.c.lifted_at.is_(None)
            connection.execute(update(holds).where(holds.c.id == hold_id, stands).values(values))
            return _get(connection, hold_id)


def _get(connection: Connection, hold_id: int) -> Hold:
    row = connection.execute(select(holds).where(holds.c.id == hold_id)).first()
    if row is None:
        raise RefusedError(
            f"there is no hold {hold_id}",
            mend="`lastgood hold show` lists them",
            code="unknown-hold",
        )
    return noun_of(Hold, row)
