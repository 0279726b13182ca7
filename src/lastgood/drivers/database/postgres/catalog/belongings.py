"""What belongs to a database and is no content of it: it is kept by the database's number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.errors import RemoteError

if TYPE_CHECKING:
    from psycopg import Connection

_DATABASE = """
    SELECT d.oid, pg_catalog.pg_get_userbyid(d.datdba), d.datconnlimit, d.datacl IS NOT NULL,
           pg_catalog.shobj_description(d.oid, 'pg_database'),
           ARRAY(SELECT s.provider FROM pg_catalog.pg_shseclabel s
                  WHERE s.classoid = 'pg_catalog.pg_database'::pg_catalog.regclass
                    AND s.objoid = d.oid ORDER BY 1)
      FROM pg_catalog.pg_database d WHERE d.datname = %s"""
# What a database without a list of its own grants is said by `acldefault`.
_RIGHTS = """
    SELECT a.privilege_type, CASE WHEN a.grantee <> 0
                                  THEN pg_catalog.pg_get_userbyid(a.grantee) END,
           a.is_grantable, pg_catalog.pg_get_userbyid(a.grantor)
      FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.aclexplode(
           coalesce(d.datacl, pg_catalog.acldefault('d', d.datdba))) a
     WHERE d.oid = %s ORDER BY 2 NULLS FIRST, 1, 3"""
_SET = """
    SELECT CASE WHEN s.setrole <> 0 THEN pg_catalog.pg_get_userbyid(s.setrole) END,
           pg_catalog.unnest(s.setconfig)
      FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = %s ORDER BY 1 NULLS FIRST, 2"""


class Right(NamedTuple):
    """A right on a database.

    Attributes:
        grantee: None for everybody.
    """

    privilege: str
    grantee: str | None
    grantable: bool
    grantor: str


class Setting(NamedTuple):
    """A setting that holds in a database.

    Attributes:
        role: for whom; None for everybody.
    """

    role: str | None
    key: str


@dataclass(frozen=True)
class Belongings:
    """What belongs to one database.

    Attributes:
        has_rights: whether it has a list of its own, or what a new database grants.
        limit: of connections; -1 for none.
        labelled_by: the modules that put a security label on it.
    """

    owner: str
    limit: int
    comment: str | None
    has_rights: bool
    rights: tuple[Right, ...]
    settings: dict[Setting, str]
    labelled_by: tuple[str, ...] = ()

    @classmethod
    def of(cls, connection: Connection[Any], name: str) -> Belongings:
        """Of a database of the connection's server, from whichever database it is asked.

        Raises:
            RemoteError: it is not there.
        """
        row = connection.execute(_DATABASE, (name,)).fetchone()
        if row is None:
            raise RemoteError(
                "a database is not there any more",
                cause="somebody removed or renamed it meanwhile",
                mend="see who it was, then try again",
                code="database-failed",
            )
        number, owner, limit, has_rights, comment, labels = row
        found = dict[Setting, str]()
        for role, setting in connection.execute(_SET, (number,)):
            key, _, value = setting.partition("=")
            found[Setting(role, key)] = value
        return cls(
            owner=owner,
            limit=int(limit),
            comment=comment,
            has_rights=has_rights,
            rights=tuple(Right(*right) for right in connection.execute(_RIGHTS, (number,))),
            settings=found,
            labelled_by=tuple(labels),
        )

    def granted(self) -> dict[tuple[str | None, str], bool]:
        """Who has which right, and whether to pass it on; whoever granted it."""
        found = dict[tuple[str | None, str], bool]()
        for right in self.rights:
            key = right.grantee, right.privilege
            found[key] = found.get(key, False) or right.grantable
        return found
