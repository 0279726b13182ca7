"""The replaced databases of one database: `LIVE__lgq_ID`, closed, on its own server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.closed.sides import OPENED_BY_US, QUARANTINE_MARK, Sides
from lastgood.model.problem import Problem
from lastgood.ports.swapping import Quarantined
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.process.masking import Masker

# Whom a database without a list of its own admits is said by `acldefault`. Those of others on the
# server are found by the mark, too, and may not be measured.
_FOUND = """
    SELECT d.datname, d.datallowconn AND d.datconnlimit <> %s,
           CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT')
                THEN pg_catalog.pg_database_size(d.oid) ELSE 0 END, ARRAY(
               SELECT DISTINCT CASE WHEN a.grantee = 0 THEN NULL
                                    ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END
                 FROM pg_catalog.aclexplode(
                      coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
                WHERE a.grantee <> d.datdba),
           ARRAY(SELECT s.slot_name::text FROM pg_catalog.pg_replication_slots s
                  WHERE s.database = d.datname ORDER BY 1)
      FROM pg_catalog.pg_database d
     WHERE pg_catalog.strpos(d.datname, %s) > 0 ORDER BY d.datname"""


class Quarantine:
    """The replaced databases of one database.

    Args:
        live: the live database's name.
        admin: an address on its server whose role may rename it.
    """

    def __init__(self, live: str, admin: Address, masker: Masker) -> None:
        self.sides = Sides(live, admin, masker, elsewhere=False, mark=QUARANTINE_MARK)

    def found(self) -> list[Quarantined]:
        """Those that are there, by their ids; with what is wrong with their doors."""
        with self.sides.connected("the replaced databases cannot be listed") as connection:
            return [
                Quarantined(id=one, bytes=size, problems=tuple(_problems(name, allows, *rest)))
                for name, allows, size, *rest in connection.execute(
                    _FOUND, (OPENED_BY_US, QUARANTINE_MARK)
                )
                if (one := self.sides.id_of(name)) is not None
            ]

    def drop(self, quarantine: str) -> None:
        """Remove one; slots that are left of it go with it."""
        self.sides.drop(quarantine)


def drop_slots(connection: Connection[Any], name: str) -> list[tuple[str, str]]:
    """Drop the logical replication slots of a database; gives each with its plugin."""
    rows = connection.execute(
        "SELECT slot_name, plugin, pg_catalog.pg_drop_replication_slot(slot_name) "
        "FROM pg_catalog.pg_replication_slots WHERE slot_type = 'logical' AND database = %s",
        (name,),
    )
    return [(slot, plugin) for slot, plugin, _ in rows.fetchall()]


def _problems(
    name: str,
    allows: bool,  # noqa: FBT001 - a row's columns
    admitted: list[str | None],
    slots: list[str],
) -> Iterator[Problem]:
    shown = harmless(name)
    if allows:
        yield Problem(
            code="quarantine-open",
            what=f"the replaced database {shown} was opened: what it holds may have changed",
            mend=f"close it: ALTER DATABASE ... ALLOW_CONNECTIONS false, for {shown}",
        )
    if admitted:
        whom = ", ".join("everybody" if role is None else harmless(role) for role in admitted)
        yield Problem(
            code="quarantine-admits",
            what=f"the replaced database {shown} admits {whom} when it is opened",
            mend=f"REVOKE ALL ON DATABASE ... FROM them, for {shown}",
        )
    if slots:
        yield Problem(
            code="quarantine-slots",
            what=f"replication slots of the replaced database {shown} fill the server's disk: "
            + ", ".join(map(harmless, slots)),
            mend="as a role with REPLICATION: SELECT pg_drop_replication_slot(...)",
        )
