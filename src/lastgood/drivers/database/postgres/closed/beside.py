"""A closed copy beside the live database, opened for nobody but us."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.closed.keeping import Keeping
from lastgood.drivers.database.postgres.closed.sides import KEPT_MARK, QUARANTINE_MARK
from lastgood.errors import RefusedError
from lastgood.ports.swapping import Closed
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from lastgood.drivers.database.postgres.client.address import Address
    from lastgood.ports.swapping import Copy
    from lastgood.process.masking import Masker

_MARKS = {Closed.KEPT: KEPT_MARK, Closed.QUARANTINED: QUARANTINE_MARK}


@contextmanager
def beside(copy: Copy, live: Address, admin: Address, masker: Masker) -> Iterator[Connection[Any]]:
    """A connection to it; its door is closed again as soon as we are in.

    Args:
        copy: which one.
        live: the live database's address, whose role reads it.
        admin: an address on its server whose role may make databases.
        masker: hides what the server says of secrets.

    Raises:
        RefusedError: there is no such copy (`no-copy`).
        RemoteError: the server does not answer.
    """
    keeping = Keeping(live.name, admin, masker, _MARKS[copy.kind])
    with entered(keeping, copy.id, live, _no_copy(copy)) as connection:
        yield connection


@contextmanager
def entered(
    keeping: Keeping, side: str, live: Address, missing: RefusedError
) -> Iterator[Connection[Any]]:
    """A connection to a closed one; `missing` is raised when it is not there."""
    try:
        keeping.close(side)  # before it is opened for us it is closed to all others
    except RefusedError as error:
        if error.code != "no-side":
            raise
        raise missing from None
    with ExitStack() as stack:
        with keeping.sides.opened(side) as name:
            connection = stack.enter_context(live.connected(name))
        yield connection


def _no_copy(copy: Copy) -> RefusedError:
    if copy.kind is Closed.KEPT:
        what, mend = "warm target", "make another backup: lastgood backup create"
    else:
        what, mend = "quarantined database", "see which there are: lastgood db quarantine"
    return RefusedError(
        f"there is no {what} {harmless(copy.id)}",
        cause="it was removed meanwhile, or never made",
        mend=mend,
        code="no-copy",
    )
