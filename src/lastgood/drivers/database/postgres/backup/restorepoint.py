"""A named point in the server's log, to which a physical restore can go back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.client.faults import told
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from psycopg import Connection

    from lastgood.process.masking import Masker

# The server keeps 63 bytes, and a restore stops at the first point of a name.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", re.ASCII)


def restore_point(connection: Connection[Any], name: str, masker: Masker) -> str:
    """Make one; gives its place in the log.

    Raises:
        RefusedError: we may not, or the server cannot (`no-restore-point`).
        RemoteError: the server failed.
    """
    from psycopg import errors  # noqa: PLC0415 - for those who need it

    if not _NAME.fullmatch(name):
        raise _refused(f"{name[:60]!r} cannot be its name", "give it the backup's id")
    with told("no restore point could be made", masker):
        try:
            row = connection.execute(
                "SELECT pg_catalog.pg_create_restore_point(%s)::text", (name,)
            ).fetchone()
        except errors.InsufficientPrivilege:
            raise _refused(
                "our role may not call pg_create_restore_point",
                "in the database postgres (not in yours: it would be in every dump): "
                "GRANT EXECUTE ON FUNCTION pg_create_restore_point(text) TO that role",
            ) from None
        except errors.ObjectNotInPrerequisiteState as error:
            said = error.diag.message_primary or "the server keeps too little in its log"
            raise _refused(said, "set wal_level = replica, or do without") from None
    return str(row[0]) if row else ""


def _refused(cause: str, mend: str) -> RefusedError:
    return RefusedError(
        "no restore point could be made", cause=cause, mend=mend, code="no-restore-point"
    )
