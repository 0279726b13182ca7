"""What a plain dump may do: what pg_dump writes, as it writes it, and nothing else.

Each statement is sent by itself, so that no second one can hide behind the words that are looked at
here. What code inside of functions does is not seen: it has the rights of our role, no more.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from lastgood.errors import RefusedError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from lastgood.drivers.database.postgres.foreign.script import Statement


class Act(Enum):
    """What is done with a statement."""

    RUN = "run"
    COPY = "copy"
    SKIP = "skip"


class Permit(NamedTuple):
    """What is done with a statement, and which of the server's errors (SQLSTATE) do no harm."""

    act: Act
    forgiven: frozenset[str] = frozenset()


_NAME = rb'(?:[a-z_\x80-\xff][0-9a-z_$\x80-\xff]*|"(?:[^"]|"")+")'
_QUOTED = rb'"[^"]*+"'
_UNQUOTED = rb"""(?:[^'"]|""" + _QUOTED + rb")*"
_VALUE = rb"(?:E?'(?:[^'\\]|''|\\.)*+'|-?[0-9]++|true|false|NULL)"
# A role that is not here, or that we may not act for.
_ROLES = frozenset({"42704", "42501"})
# What a dump with --clean drops first is not there.
_MISSING = frozenset({"42P01", "42703", "42704", "42883", "3F000", "42P16"})
# A newer server's setting, or a tablespace that is not here.
_UNKNOWN = frozenset({"42704", "22023"})
_NOT_OURS = frozenset({"42501"})
_SHARED = rb"(?:DATABASE|ROLE|USER(?! MAPPING)|GROUP|TABLESPACE|SYSTEM|SUBSCRIPTION|PARAMETER)\b"

_RULES: tuple[tuple[bytes, Permit], ...] = (
    (rb"SET SESSION AUTHORIZATION .*", Permit(Act.SKIP)),
    # A restored subscription could begin to take what is meant for the live database.
    (rb"(?:CREATE|ALTER|DROP|COMMENT ON) SUBSCRIPTION .*", Permit(Act.SKIP)),
    (rb"COMMENT ON DATABASE .*", Permit(Act.SKIP)),
    # Statistics are made anew.
    (rb"SELECT \* FROM pg_catalog\.pg_restore_\w+_stats\(.*", Permit(Act.SKIP)),
    (rb"SELECT pg_catalog\.lo_unlink\(.*", Permit(Act.SKIP)),
    (
        rb"SET (?!(?:role|session|session_authorization|local)\b)[a-z_.]+ (?:=|TO) .*",
        Permit(Act.RUN, _UNKNOWN),
    ),
    (
        rb"SELECT pg_catalog\.(?:set_config\('search_path'|setval\(" + _VALUE + rb"|"
        rb"lo_(?:create|open|close)\(" + _VALUE + rb"|lowrite\(" + _VALUE + rb")"
        rb"(?:, " + _VALUE + rb")*\)",
        Permit(Act.RUN),
    ),
    (rb"BEGIN|COMMIT", Permit(Act.RUN)),
    (
        rb"COPY "
        + _NAME
        + rb"(?:\."
        + _NAME
        + rb")?\s+(?:\("
        + _NAME
        + rb"(?:, "
        + _NAME
        + rb")*\) )?FROM stdin",
        Permit(Act.COPY),
    ),
    (rb"INSERT INTO .*", Permit(Act.RUN)),
    (rb"REFRESH MATERIALIZED VIEW .*", Permit(Act.RUN)),
    (rb"DROP (?!OWNED\b|" + _SHARED + rb").*", Permit(Act.RUN, _MISSING)),
    (
        rb"ALTER (?!"
        + _SHARED
        + rb")"
        + _UNQUOTED
        + rb" DROP (?:CONSTRAINT|DEFAULT|IDENTITY|EXPRESSION)\b.*",
        Permit(Act.RUN, _MISSING),
    ),
    (
        rb"ALTER (?!" + _SHARED + rb").* OWNER TO " + _NAME,
        Permit(Act.RUN, _ROLES),
    ),
    (rb"ALTER DEFAULT PRIVILEGES .*", Permit(Act.RUN, _ROLES)),
    (
        rb"(?:GRANT|REVOKE) (?:[A-Z ,]|\((?:[^()'\"]|"
        + _QUOTED
        + rb")*\))+ ON (?!"
        + _SHARED
        + rb").*",
        Permit(Act.RUN, _ROLES),
    ),
    (rb"CREATE SCHEMA public", Permit(Act.RUN, frozenset({"42P06"}))),
    # Only a superuser makes one of all tables, and comments on what the server came with.
    (rb"(?:CREATE|ALTER|COMMENT ON) PUBLICATION .*", Permit(Act.RUN, _ROLES)),
    (rb"COMMENT ON (?:EXTENSION|LANGUAGE|SCHEMA) .*", Permit(Act.RUN, _NOT_OURS)),
    (rb"SECURITY LABEL " + _UNQUOTED + rb"ON (?!" + _SHARED + rb").*", Permit(Act.RUN, _UNKNOWN)),
    (rb"(?:COMMENT ON|CREATE|ALTER) (?!" + _SHARED + rb").*", Permit(Act.RUN)),
)
_COMPILED = tuple((re.compile(pattern, re.DOTALL), permit) for pattern, permit in _RULES)
_SHOWN = 60


def permitted(statement: Statement) -> Permit:
    """What is done with a statement.

    Raises:
        RefusedError: pg_dump writes no such thing into the dump of one database
            (`foreign-statement`).
    """
    text = statement.text.strip()
    for pattern, permit in _COMPILED:
        if pattern.fullmatch(text):
            return permit
    shown = harmless(" ".join(text[: 4 * _SHOWN].decode(errors="replace").split()))[:_SHOWN]
    raise RefusedError(
        f"the dump has a statement in line {statement.line} that is not run: {shown}",
        cause="pg_dump writes no such thing into the dump of one database, and it may reach others",
        mend="dump again with pg_dump, without --create; nothing of this one was carried out",
        code="foreign-statement",
    )
