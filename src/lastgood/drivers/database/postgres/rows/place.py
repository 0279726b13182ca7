"""A table as rows are brought into it: its columns, keys, references, checks and triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from lastgood.drivers.database.postgres.rows.muting import INSERT

if TYPE_CHECKING:
    from psycopg import Connection

    from lastgood.drivers.database.postgres.catalog.tables import Relation

# What a column's type is without its length and below all domains: the length is then checked when
# the row is inserted, and one row that is too long does not spoil the others. A name of a table or
# a function is looked up when it is read, so it waits as text, too.
_COLUMNS = """
    SELECT a.attname, pg_catalog.format_type(a.atttypid, -1), pg_catalog.format_type(t.oid, -1),
           t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND t.typname !~ '^_?reg',
           a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> ''
      FROM pg_catalog.pg_attribute a
           CROSS JOIN LATERAL (
               WITH RECURSIVE below(type, depth) AS (
                   SELECT a.atttypid, 0 UNION ALL
                   SELECT d.typbasetype, below.depth + 1 FROM below
                     JOIN pg_catalog.pg_type d ON d.oid = below.type AND d.typtype = 'd')
               SELECT below.type FROM below ORDER BY below.depth DESC LIMIT 1) base
           JOIN pg_catalog.pg_type t ON t.oid = base.type
     WHERE a.attrelid = %s::pg_catalog.regclass AND a.attnum > 0 AND NOT a.attisdropped
     ORDER BY a.attnum"""
_OPERATOR = """pg_catalog.format('OPERATOR(%%I.%%s)', n.nspname, o.oprname)
      FROM {} JOIN pg_catalog.pg_operator o ON o.oid = {}
           JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace"""
_ENFORCED = "coalesce(pg_catalog.to_jsonb(k) ->> 'conenforced', 'true') = 'true'"
_UNIQUE = f"""
    SELECT coalesce(k.conname, x.relname),
           ARRAY(SELECT pg_catalog.pg_get_indexdef(i.indexrelid, p, true)
                   FROM pg_catalog.generate_series(1, i.indnkeyatts) p ORDER BY p),
           CASE WHEN k.conexclop IS NULL
                THEN ARRAY(SELECT {
    _OPERATOR.format(
        '''pg_catalog.generate_series(1, i.indnkeyatts) p
                     JOIN pg_catalog.pg_opclass c ON c.oid = i.indclass[p - 1]
                     JOIN pg_catalog.pg_amop m ON m.amopfamily = c.opcfamily
                      AND m.amoplefttype = c.opcintype AND m.amoprighttype = c.opcintype
                      AND m.amopstrategy = 3 AND m.amoppurpose = 's' ''',
        "m.amopopr",
    )
} ORDER BY p)
                ELSE ARRAY(SELECT {
    _OPERATOR.format(
        "pg_catalog.unnest(k.conexclop) WITH ORDINALITY one(operator, p)", "one.operator"
    )
} ORDER BY one.p) END,
           pg_catalog.pg_get_expr(i.indpred, i.indrelid),
           coalesce(pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct', 'false') = 'true'
      FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
           LEFT JOIN pg_catalog.pg_constraint k
                  ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
     WHERE i.indrelid = %s::pg_catalog.regclass AND i.indisvalid
       AND (i.indisunique OR k.conexclop IS NOT NULL)
     ORDER BY i.indisprimary DESC, x.relname COLLATE "C" """  # noqa: S608 - constants only
# The table and all its partitions; the root first, so that each has its own say afterwards.
_TREE = """
    (SELECT t.relid::pg_catalog.oid AS oid, t.level
       FROM pg_catalog.pg_partition_tree(%(table)s::pg_catalog.regclass) t
      UNION SELECT %(table)s::pg_catalog.regclass::pg_catalog.oid, 0)"""
# One that only a partition has is asked of the server itself, when the row is inserted. For each
# partition of a parent the server keeps another one, which is none of its own.
_REFERENCES = f"""
    SELECT k.conname, k.confrelid::pg_catalog.regclass::text,
           coalesce(pg_catalog.pg_partition_root(k.confrelid),
                    k.confrelid)::pg_catalog.regclass::text,
           k.conrelid = %(table)s::pg_catalog.regclass,
           ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY c(n, p)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = c.n
                  ORDER BY c.p),
           ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY c(n, p)
                   JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = c.n
                  ORDER BY c.p),
           ARRAY(SELECT {
    _OPERATOR.format(
        "pg_catalog.unnest(k.conpfeqop) WITH ORDINALITY one(operator, p)", "one.operator"
    )
} ORDER BY one.p)
      FROM {_TREE} tree JOIN pg_catalog.pg_constraint k ON k.conrelid = tree.oid
           LEFT JOIN pg_catalog.pg_constraint up ON up.oid = k.conparentid
     WHERE k.contype = 'f' AND {_ENFORCED} AND (up.oid IS NULL
           OR up.conrelid <> k.conrelid AND k.conrelid = %(table)s::pg_catalog.regclass)
     ORDER BY k.conname COLLATE "C" """  # noqa: S608 - likewise
_CHECKS = f"""
    SELECT k.conname, pg_catalog.pg_get_expr(k.conbin, k.conrelid)
      FROM pg_catalog.pg_constraint k
     WHERE k.contype = 'c' AND k.conrelid = %s::pg_catalog.regclass AND {_ENFORCED}
     ORDER BY k.conname COLLATE "C" """  # noqa: S608 - likewise
_TRIGGERS = f"""
    SELECT g.tgrelid::pg_catalog.regclass::text, g.tgname, g.tgenabled::text
      FROM {_TREE} tree JOIN pg_catalog.pg_trigger g ON g.tgrelid = tree.oid
     WHERE NOT g.tgisinternal AND g.tgenabled IN ('O', 'A') AND g.tgtype & %(events)s <> 0
     ORDER BY tree.level, 1, g.tgname COLLATE "C" """  # noqa: S608 - likewise
_HINDRANCES = f"""
    SELECT pg_catalog.bool_or(pg_catalog.row_security_active(c.oid)),
           NOT pg_catalog.bool_or(c.oid = %(table)s::pg_catalog.regclass
               AND pg_catalog.has_table_privilege(c.oid, 'INSERT')),
           pg_catalog.bool_and(pg_catalog.pg_has_role(c.relowner, 'USAGE')),
           pg_catalog.bool_or(EXISTS (SELECT FROM pg_catalog.pg_rewrite u
               WHERE u.ev_class = c.oid AND u.ev_type IN ('2', '3') AND u.ev_enabled <> 'D')),
           pg_catalog.bool_or(c.relkind = 'f')
      FROM {_TREE} tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid"""  # noqa: S608 - likewise


class Column(NamedTuple):
    """A column that both sides have.

    Attributes:
        waits_as: the type in which its values wait.
        becomes: the type that is made of them when the row is inserted; empty for the same.
    """

    name: str
    waits_as: str
    becomes: str
    not_null: bool


class Unique(NamedTuple):
    """A unique or exclusion constraint, or a unique index: its parts as SQL."""

    name: str
    parts: list[str]
    operators: list[str]
    where: str | None
    nulls_too: bool


class Reference(NamedTuple):
    """A foreign key.

    Attributes:
        parent: what it names; its whole table is `root`.
        everywhere: of the whole table, not of one of its partitions alone.
        operators: a parent's column first, then ours.
    """

    name: str
    parent: str
    root: str
    everywhere: bool
    columns: list[str]
    parents: list[str]
    operators: list[str]


class Trigger(NamedTuple):
    """A trigger that our writing would fire; `mode` as in pg_trigger.tgenabled."""

    table: str
    name: str
    mode: str


class Place(NamedTuple):
    """A table of the live database.

    Attributes:
        key: the columns that tell its rows apart.
        checks: name and expression.
        said: what people should know of it.
        why: why nothing can be brought; empty when it can.
    """

    relation: Relation
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    unique: list[Unique]
    references: list[Reference]
    checks: list[tuple[str, str]]
    triggers: list[Trigger]
    said: tuple[str, ...]
    why: str


def place_of(
    live: Connection[Any],
    copy: Connection[Any],
    relation: Relation,
    key: tuple[str, ...],
    events: int = INSERT,
) -> Place:
    """What is known of a table before rows are brought into it.

    `events` say what is done to its rows: see `muting.INSERT`.
    """
    table = relation.sql
    ours = {row[0]: row for row in live.execute(_COLUMNS, (table,))}
    theirs = {row[0]: row for row in copy.execute(_COLUMNS, (table,))}
    columns = tuple(
        _column(ours[name], theirs[name]) for name in theirs if name in ours and not ours[name][6]
    )
    asked = {"table": table, "events": events}
    triggers = [Trigger(*row) for row in live.execute(_TRIGGERS, asked)]
    demanded = [name for name, row in ours.items() if name not in theirs and row[4] and not row[5]]
    computed = {name for name, row in ours.items() if row[6]}
    only_theirs = tuple(
        f"the column {name} is not there any more: left out" for name in theirs if name not in ours
    )
    return Place(
        relation=relation,
        key=key,
        columns=columns,
        unique=[Unique(*row) for row in live.execute(_UNIQUE, (table,))],
        references=[Reference(*row) for row in live.execute(_REFERENCES, {"table": table})],
        checks=[(name, text) for name, text in live.execute(_CHECKS, (table,))],
        triggers=triggers,
        said=only_theirs,
        why=_hindrance(live, table, demanded, triggers)
        or ("" if computed.isdisjoint(key) else "its key is computed from other columns"),
    )


def _column(ours: tuple[Any, ...], theirs: tuple[Any, ...]) -> Column:
    name, whole, base, built_in, not_null, *_ = ours
    same = whole == theirs[1] and built_in
    return Column(name, base if same else "text", "" if same else base, not_null)


def _hindrance(
    live: Connection[Any], table: str, demanded: list[str], triggers: list[Trigger]
) -> str:
    row = live.execute(_HINDRANCES, {"table": table}).fetchone()
    if row is None:
        return "it is not there any more"
    secured, forbidden, ours, ruled, foreign = row
    hindrances = {
        "row security is in force for our role: use one with BYPASSRLS": secured,
        "our role may not insert into it: GRANT INSERT": forbidden,
        "a rule turns what is inserted into something else": ruled,
        "one of its partitions is a foreign table": foreign,
        f"the column {next(iter(demanded), '')} was not there and must have a value": demanded,
        "its triggers would fire: only its owner can keep them from it": triggers and not ours,
    }
    return next((why for why, holds in hindrances.items() if holds), "")
