"""The incidents: what was opened, and when it was resolved by hand."""

from __future__ import annotations

import secrets
from datetime import UTC
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from lastgood.errors import RefusedError
from lastgood.model.incident import Incident
from lastgood.process.masking import harmless
from lastgood.store.database import Database, noun_of
from lastgood.store.schema import incidents

if TYPE_CHECKING:
    from datetime import datetime


class Incidents:
    """Minimal records; what happened is read from the events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open(
        self,
        environment: str,
        title: str,
        by: str,
        at: datetime,
        impact_start: datetime | None = None,
        detected_at: datetime | None = None,
    ) -> Incident:
        """Open an incident."""
        with self._database.write() as connection:
            incident_id = _new_id(connection, at)
            values = {
                "id": incident_id,
                "environment": environment,
                "title": title,
                "by": by,
                "opened_at": at,
                "impact_start": impact_start,
                "detected_at": detected_at,
                "note": "",
            }
            connection.execute(insert(incidents).values(values))
            return _get(connection, incident_id)

    def current(self, environment: str) -> Incident | None:
        """The newest open incident."""
        query = (
            select(incidents)
            .where(incidents.c.environment == environment, incidents.c.resolved_at.is_(None))
            .order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).first()
        return noun_of(Incident, row) if row else None

    def get(self, incident_id: str) -> Incident:
        """That incident.

        Raises:
            RefusedError: there is none (code `unknown-incident`).
        """
        with self._database.read() as connection:
            return _get(connection, incident_id)

    def list_all(self, environment: str | None = None) -> list[Incident]:
        """The incidents, newest first."""
        query = select(incidents).order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
        if environment is not None:
            query = query.where(incidents.c.environment == environment)
        with self._database.read() as connection:
            return [noun_of(Incident, row) for row in connection.execute(query)]

    def resolve(self, incident_id: str, by: str, at: datetime, note: str = "") -> Incident:
        """Resolve an incident; one that was resolved before stays as it is.

        Raises:
            RefusedError: there is none (code `unknown-incident`).
        """
        return self._update(incident_id, {"resolved_at": at, "resolved_by": by, "note": note})

    def update(
        self,
        incident_id: str,
        *,
        impact_start: datetime | None = None,
        detected_at: datetime | None = None,
    ) -> Incident:
        """Write what became known of an open incident's beginning; what is None stays as it is.

        Raises:
            RefusedError: there is none (code `unknown-incident`).
        """
        given = {"impact_start": impact_start, "detected_at": detected_at}
        return self._update(incident_id, {k: v for k, v in given.items() if v is not None})

    def _update(self, incident_id: str, values: dict[str, Any]) -> Incident:
        with self._database.write() as connection:
            if values:
                is_open = incidents.c.resolved_at.is_(None)
                connection.execute(
                    update(incidents).where(incidents.c.id == incident_id, is_open).values(values)
                )
            return _get(connection, incident_id)


def _new_id(connection: Connection, at: datetime) -> str:
    """An id that is not taken: `inc-`, the day, four characters."""
    day = f"inc-{at.astimezone(UTC):%Y%m%d}-"
    taken = set(
        connection.execute(
            select(incidents.c.id).where(incidents.c.id.startswith(day, autoescape=True))
        ).scalars()
    )
    while True:
        candidate = day + secrets.token_hex(2)
        if candidate not in taken:
            return candidate


def _get(connection: Connection, incident_id: str) -> Incident:
    row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).first()
    if row is None:
        raise RefusedError(
            f"there is no incident {harmless(incident_id)}",
            mend="`lastgood incident list`",
            code="unknown-incident",
        )
    return noun_of(Incident, row)
