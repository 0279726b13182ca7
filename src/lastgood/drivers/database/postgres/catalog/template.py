"""What a side database must have in common with the live one, so that its text is the same text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.sql import Composed

# As a document: which columns there are depends on the server's version.
_DATABASE = """
    SELECT pg_catalog.to_jsonb(d) || pg_catalog.jsonb_build_object(
               'encoding_name', pg_catalog.pg_encoding_to_char(d.encoding),
               'tablespace', t.spcname)
      FROM pg_catalog.pg_database d JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
     WHERE d.datname = %s"""
_PROVIDERS = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}
_DEFAULT_TABLESPACE = "pg_default"


@dataclass(frozen=True)
class Template:
    """Encoding, collation and place of a database; empty when it is not there to be asked."""

    row: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection[Any], name: str) -> Template:
        """Of a database of the connection's server."""
        row = connection.execute(_DATABASE, (name,)).fetchone()
        return cls(dict(row[0])) if row else cls()

    def clauses(self, *, here: bool) -> list[Composed]:
        """The clauses of CREATE DATABASE.

        Args:
            here: on the same server, where the same tablespace is.
        """
        if not self.row:
            return []
        given = [
            ("ENCODING", self.row["encoding_name"]),
            ("LC_COLLATE", self.row["datcollate"]),
            ("LC_CTYPE", self.row["datctype"]),
            *self._provider(),
        ]
        if here and self.row["tablespace"] != _DEFAULT_TABLESPACE:
            given.append(("TABLESPACE", self.row["tablespace"]))
        return [_clause(key, value) for key, value in given]

    def _provider(self) -> list[tuple[str, str]]:
        found = _PROVIDERS.get(self.row.get("datlocprovider", "c"))
        if found is None:
            return []
        provider, key = found
        # Since 17 the column has one name for all providers.
        locale = self.row.get("datlocale") or self.row.get("daticulocale") or ""
        rules = self.row.get("daticurules")
        return [
            ("LOCALE_PROVIDER", provider),
            (key, locale),
            *([("ICU_RULES", rules)] if rules else []),
        ]


def _clause(key: str, value: str) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    names = {"TABLESPACE", "LOCALE_PROVIDER"}
    written = sql.Identifier(value) if key in names else sql.Literal(value)
    return sql.SQL("{} {}").format(sql.SQL(key), written)
