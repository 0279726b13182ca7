"""Rights that were taken away in one database and are there in the other, as SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.catalog.tables import OURS
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from psycopg import Connection

_SYSTEM = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_BROUGHT = """EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.{}'
    ::pg_catalog.regclass AND d.objid = {}.oid AND d.deptype = 'e')"""
# Each object with its list; what an object without one grants is said by `acldefault`. Rights on
# the database itself went over to the copy when it took its place.
_RIGHTS = f"""
    WITH lists(object, part, owner, list) AS (
        SELECT 'SCHEMA ' || pg_catalog.quote_ident(n.nspname), '', n.nspowner,
               coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner))
          FROM pg_catalog.pg_namespace n
         WHERE {_SYSTEM} AND NOT {_BROUGHT.format("pg_namespace", "n")}
        UNION ALL
        SELECT pg_catalog.format('%s %I.%I', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE'
               END, n.nspname, c.relname), '', c.relowner, coalesce(c.relacl,
               pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char",
                                     c.relowner))
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {OURS}
        UNION ALL
        SELECT pg_catalog.format('TABLE %I.%I', n.nspname, c.relname),
               pg_catalog.format(' (%I)', a.attname), c.relowner, a.attacl
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
               JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
         WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attacl IS NOT NULL AND {OURS}
        UNION ALL
        SELECT 'ROUTINE ' || p.oid::pg_catalog.regprocedure, '', p.proowner,
               coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
          FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
         WHERE {_SYSTEM} AND NOT {_BROUGHT.format("pg_proc", "p")}
        UNION ALL
        SELECT pg_catalog.format('TYPE %I.%I', n.nspname, t.typname), '', t.typowner,
               coalesce(t.typacl, pg_catalog.acldefault('T', t.typowner))
          FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
         WHERE t.typtype IN ('d', 'e', 'r', 'm') AND {_SYSTEM}
           AND NOT {_BROUGHT.format("pg_type", "t")})
    SELECT l.object, r.privilege_type || l.part, CASE r.grantee WHEN 0 THEN 'PUBLIC'
               ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r.grantee)) END,
           pg_catalog.bool_or(r.is_grantable)
      FROM lists l CROSS JOIN LATERAL pg_catalog.aclexplode(l.list) r
     WHERE r.grantee <> l.owner GROUP BY 1, 2, 3
    UNION ALL
    SELECT l.object, '', '', false FROM lists l"""  # noqa: S608 - constants only


def regained(live: Connection[Any], copy: Connection[Any]) -> tuple[str, ...]:
    """What takes from the live database's objects the rights that they have not in the other one.

    Owners always have theirs. An object of one side only is none of this.
    """
    ours, theirs = (
        {tuple(row[:3]): row[3] for row in side.execute(_RIGHTS)} for side in (live, copy)
    )
    statements = list[str]()
    for (object_, right, whom), grantable in sorted(ours.items()):
        if not right or (object_, "", "") not in theirs:
            continue
        had = theirs.get((object_, right, whom))
        if had is None:
            statements.append(f"REVOKE {right} ON {object_} FROM {whom}")
        elif grantable and not had:
            statements.append(f"REVOKE GRANT OPTION FOR {right} ON {object_} FROM {whom}")
    return tuple(map(harmless, statements))
