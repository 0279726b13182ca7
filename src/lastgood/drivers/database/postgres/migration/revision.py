"""Up to which migration a schema was brought, as Alembic writes it into the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from psycopg import Connection

_LONGEST = 200
# The usual place first: where every customer has a schema of his own there are many.
_TABLE = """
    SELECT n.nspname, c.relname
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
     WHERE c.relname = 'alembic_version' AND c.relkind = 'r' AND n.nspname !~ '^pg_'
       AND a.attname = 'version_num' AND NOT a.attisdropped
     ORDER BY n.nspname <> 'public', n.nspname COLLATE "C" LIMIT 2"""


def schema_revision(connection: Connection[Any]) -> str | None:
    """The revision, in the transaction of the connection; None where there is none, or several.

    A branched history has several heads: they are one revision, in their order.
    """
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    found = connection.execute(_TABLE).fetchall()
    if not found or (len(found) > 1 and found[0][0] != "public"):
        return None
    query = sql.SQL("SELECT version_num::pg_catalog.text FROM ONLY {} LIMIT 100")
    heads = connection.execute(query.format(sql.Identifier(*found[0]))).fetchall()
    revisions = sorted(harmless(str(head))[:_LONGEST] for (head,) in heads if head)
    return ",".join(revisions) or None
