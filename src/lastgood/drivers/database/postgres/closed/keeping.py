"""Kept side databases: closed and renamed in one step, found with who may enter them, removed."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.catalog.belongings import Belongings
from lastgood.drivers.database.postgres.catalog.settings import revoked
from lastgood.drivers.database.postgres.closed.sides import KEPT_MARK, OPENED_BY_US, Sides
from lastgood.errors import RefusedError
from lastgood.model.problem import Problem
from lastgood.ports.database import Kept
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.process.masking import Masker

# Whom a database without a list of its own admits is said by `acldefault`.
_FOUND = """
    SELECT d.datname, d.datallowconn AND d.datconnlimit <> %s, ARRAY(
               SELECT DISTINCT CASE WHEN a.grantee = 0 THEN NULL
                                    ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END
                 FROM pg_catalog.aclexplode(
                      coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
                WHERE a.grantee <> d.datdba)
      FROM pg_catalog.pg_database d
     WHERE pg_catalog.strpos(d.datname, %s) > 0 ORDER BY d.datname"""
_THERE = "SELECT datname FROM pg_catalog.pg_database WHERE datname = ANY (%s)"
MEND = "see who it was; `lastgood backup verify --warm` closes it and compares it again"


class Keeping:
    """The kept side databases of one database: `LIVE__lgwarm_ID`, on its own server.

    Args:
        live: the live database's name.
        admin: an address on its server whose role may make databases.
        mark: what tells them from others.
    """

    def __init__(self, live: str, admin: Address, masker: Masker, mark: str = KEPT_MARK) -> None:
        self.sides = Sides(live, admin, masker, elsewhere=False, mark=mark)
        self._from = Sides(live, admin, masker, elsewhere=False)

    def keep(self, side: str) -> None:
        """Close a side database and give it its new name; what has it is kept."""
        from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

        old, new = self._from.name(side), self.sides.name(side)
        with self.sides.connected(f"the side database {old} cannot be kept") as connection:
            there = {name for (name,) in connection.execute(_THERE, ([old, new],))}
            if there == {new}:
                return  # it is kept already: who did it was killed before saying so
            if old not in there:
                raise _no_side(side)
            if new in there:
                raise RefusedError(
                    f"the side database {side} is kept already",
                    cause="a copy of the same backup stands",
                    mend="drop one of the two",
                    code="side-exists",
                )
            close(connection, old)
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
            connection.execute(rename.format(sql.Identifier(old), sql.Identifier(new)))

    def close(self, side: str) -> None:
        """Close a kept one to everybody, whatever somebody did to it."""
        name = self.sides.name(side)
        with self.sides.connected(f"the kept database {name} cannot be closed") as connection:
            if connection.execute(_THERE, ([name],)).fetchone() is None:
                raise _no_side(side)
            close(connection, name)

    def found(self) -> list[Kept]:
        """Those that are there, with what is wrong with their doors."""
        with self.sides.connected("the kept databases cannot be listed") as connection:
            return [
                Kept(side=side, problems=tuple(_problems(name, allows, admitted)))
                for name, allows, admitted in connection.execute(_FOUND, (OPENED_BY_US, KEPT_MARK))
                if (side := self.sides.id_of(name)) is not None
            ]


def close(connection: Connection[Any], name: str) -> None:
    """Close a database to everybody; when it is opened only its owner may enter."""
    from psycopg import sql  # noqa: PLC0415 - see above

    closed = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false")
    connection.execute(closed.format(sql.Identifier(name)))
    admitted: list[str | None] = next(
        (
            roles
            for found, _, roles in connection.execute(_FOUND, (OPENED_BY_US, name))
            if found == name
        ),
        [],
    )
    _take_passed_on(connection, name)
    for role in admitted:
        # With what they passed on to others.
        connection.execute(revoked(name, (role,), cascade=True))


def _take_passed_on(connection: Connection[Any], name: str) -> None:
    """Take what members of the owner gave in their own name: only in that name it can be."""
    from psycopg import errors, sql  # noqa: PLC0415 - see above

    of = Belongings.of(connection, name)
    for right in of.rights:
        if right.grantor == of.owner:
            continue
        # Where we may not act for them it stays, and is told with whom it admits.
        with suppress(errors.InsufficientPrivilege), connection.transaction():
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(right.grantor)))
            # By itself: for all rights at once the server would take the owner for who gave them.
            revoke = revoked(name, (right.grantee,), privilege=right.privilege, cascade=True)
            connection.execute(revoke)
            connection.execute("RESET ROLE")


def _problems(name: str, allows: bool, admitted: list[str | None]) -> Iterator[Problem]:  # noqa: FBT001 - a row's columns
    if allows:
        what = f"the warm target {harmless(name)} was opened: what it holds may have changed"
        yield Problem(code="kept-open", what=what, mend=MEND)
    if admitted:
        whom = ", ".join("everybody" if role is None else harmless(role) for role in admitted)
        what = f"the warm target {harmless(name)} admits {whom} when it is opened"
        yield Problem(code="kept-admits", what=what, mend=MEND)


def _no_side(side: str) -> RefusedError:
    return RefusedError(
        f"there is no side database {side}",
        cause="it was removed meanwhile, or never made",
        mend="make another backup: lastgood backup create",
        code="no-side",
    )
