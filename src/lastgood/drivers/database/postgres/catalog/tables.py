"""The tables whose rows a dump holds, and what in a database we may not read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.errors import RefusedError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from psycopg import Connection

# What pg_dump takes: no temporary table, nothing of the system, nothing that an extension made.
OURS = """
    n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                      AND d.objid = c.oid AND d.deptype = 'e')"""
# A partitioned table holds no rows of its own: its leaves do. The rows of a foreign table are
# elsewhere, and those of a materialized view are made anew by the restore.
_TABLES = f"""
    SELECT n.nspname, c.relname, pg_catalog.format('%I.%I', n.nspname, c.relname)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND {OURS}
     ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C" """  # noqa: S608 - no text from outside
_SEQUENCES = _TABLES.replace("c.relkind = 'r'", "c.relkind = 'S'")
_UNREADABLE = f"""
    SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'S') AND {OURS}
       AND (NOT pg_catalog.has_schema_privilege(n.oid, 'USAGE')
            OR NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')
            OR c.relkind <> 'S' AND pg_catalog.row_security_active(c.oid))
    UNION ALL
    SELECT 'large object ' || l.oid FROM pg_catalog.pg_largeobject_metadata l
     WHERE NOT pg_catalog.pg_has_role(l.lomowner, 'USAGE') AND NOT EXISTS (
           SELECT FROM pg_catalog.aclexplode(l.lomacl) a WHERE a.privilege_type = 'SELECT'
              AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE')))
    ORDER BY 1"""  # noqa: S608 - likewise
_COLUMNS = (
    _TABLES.replace("SELECT n.nspname, c.relname,", "SELECT pg_catalog.quote_ident(a.attname),")
    .replace(
        "WHERE c.relkind = 'r' AND",
        """JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
           AND NOT a.attisdropped
     WHERE c.relkind = 'r' AND""",
    )
    .replace('c.relname COLLATE "C"', 'c.relname COLLATE "C", a.attnum')
)
_SHOWN = 10


class Relation(NamedTuple):
    """A table or a sequence.

    Attributes:
        sql: its whole name as SQL writes it.
    """

    schema: str
    name: str
    sql: str


def tables(connection: Connection[Any]) -> list[Relation]:
    """The tables with rows of their own, by name."""
    return [Relation(*row) for row in connection.execute(_TABLES)]


def columns(connection: Connection[Any]) -> dict[str, tuple[str, ...]]:
    """The columns of each table with rows of its own, as SQL writes them."""
    found: dict[str, list[str]] = {relation.sql: [] for relation in tables(connection)}
    for column, table in connection.execute(_COLUMNS):
        found[table].append(column)
    return {table: tuple(names) for table, names in found.items()}


def sequences(connection: Connection[Any]) -> list[Relation]:
    """The sequences, by name."""
    return [Relation(*row) for row in connection.execute(_SEQUENCES)]


def refuse_unreadable(connection: Connection[Any]) -> None:
    """Find what a dump would stumble over before it begins.

    Raises:
        RefusedError: `table-unreadable`, with the names.
    """
    superuser = connection.info.parameter_status("is_superuser") == "on"
    names = [] if superuser else [harmless(row[0]) for row in connection.execute(_UNREADABLE)]
    if not names:
        return
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    raise RefusedError(
        f"the role {harmless(connection.info.user)} may not read all of the database",
        cause=f"not readable: {', '.join(names[:_SHOWN])}{more}",
        mend="GRANT SELECT on them and USAGE on their schemas, or use the role that owns them; "
        "where row security hides rows, a role with BYPASSRLS",
        code="table-unreadable",
    )
