"""What a rename leaves behind is given to the database that takes the name.

Only what differs is touched, so what an administrator gave the copy beforehand counts, where our
role may not give it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.catalog.belongings import Belongings
from lastgood.drivers.database.postgres.catalog.settings import (
    commented,
    granted,
    limited,
    owned,
    put,
    revoked,
)
from lastgood.errors import RefusedError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection
    from psycopg.sql import Composed

_SHOWN = 10
_EVERYBODY = "everybody"


def carry(connection: Connection[Any], source: str, target: str) -> tuple[str, ...]:
    """Give one database what belongs to another, in the transaction of the connection.

    Gives what people should know: nothing of that takes a right or a limit from anybody.

    Raises:
        RefusedError: our role may not give it all of it (`not-carried`, with the names).
    """
    want = Belongings.of(connection, source)
    for statement in _statements(target, want, Belongings.of(connection, target)):
        _tried(connection, statement)
    have = Belongings.of(connection, target)
    if missing := list(_missing(want, have)):
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise RefusedError(
            f"not all that belongs to {harmless(source)} can be given to {harmless(target)}",
            cause=f"our role may not give it: {', '.join(missing[:_SHOWN])}{more}",
            mend="name a role that may by `admin_dsn`, e.g. a superuser; or let one give the same "
            f"to {harmless(target)} beforehand, or for settings, since PostgreSQL 15: "
            "GRANT SET ON PARAMETER ... TO our role",
            code="not-carried",
        )
    return tuple(_said(want, have))


def _statements(name: str, want: Belongings, have: Belongings) -> Iterator[Composed]:
    if want.limit != have.limit:
        yield limited(name, want.limit)
    if want.comment != have.comment:
        yield commented(name, want.comment)
    for setting in have.settings.keys() - want.settings.keys():
        yield put(name, setting, None)
    for setting, value in want.settings.items():
        if have.settings.get(setting) != value:
            yield put(name, setting, value)
    # The owner goes last but for the rights: a former owner may do nothing more.
    if want.owner != have.owner:
        yield owned(name, want.owner)
    if want.owner != have.owner or want.granted() != have.granted():
        grantees = {right.grantee for right in have.rights} | {None, want.owner}
        for grantee in sorted(grantees, key=lambda role: role or ""):
            yield revoked(name, (grantee,), cascade=True)
        yield from (granted(name, right) for right in want.rights)


def _tried(connection: Connection[Any], statement: Composed) -> None:
    """What our role may not give, an administrator may have given: what counts is the end."""
    from psycopg import errors  # noqa: PLC0415 - a quarter of a second, for those who need it

    refused = (errors.InsufficientPrivilege, errors.UndefinedObject, errors.InvalidParameterValue)
    try:
        with connection.transaction():
            connection.execute(statement)
    except refused:
        return


def _missing(want: Belongings, have: Belongings) -> Iterator[str]:
    """What differs still; never a setting's value, which may be a secret."""
    if want.owner != have.owner:
        yield f"the owner {harmless(want.owner)}"
    if want.limit != have.limit:
        yield f"the limit of {want.limit} connections"
    if want.comment != have.comment:
        yield "the comment"
    wanted, given = want.granted(), have.granted()
    for grantee, privilege in sorted(wanted.keys() | given.keys(), key=str):
        if wanted.get((grantee, privilege)) != given.get((grantee, privilege)):
            yield f"{privilege} of {harmless(grantee or _EVERYBODY)}"
    for setting in sorted(want.settings.keys() | have.settings.keys(), key=str):
        if want.settings.get(setting) != have.settings.get(setting):
            yield f"{harmless(setting.key)} of {harmless(setting.role or _EVERYBODY)}"


def _said(want: Belongings, have: Belongings) -> Iterator[str]:
    others = sorted({right.grantor for right in want.rights} - {want.owner})
    if others:
        who = ", ".join(map(harmless, others[:_SHOWN]))
        yield f"rights that {who} had granted are granted by the owner now"
    lost = sorted(set(want.labelled_by) - set(have.labelled_by))
    if lost:
        yield f"security labels were not carried over: {', '.join(map(harmless, lost))}"
