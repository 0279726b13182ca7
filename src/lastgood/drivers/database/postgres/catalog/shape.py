"""Everything about a database that is not rows, as one hash."""

# ruff: noqa: S608 - the queries are put together from constants only

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection

_SYSTEM = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_NOT_BROUGHT = """NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
    WHERE d.classid = {table}::pg_catalog.regclass AND d.objid = {oid} AND d.deptype = 'e')"""


def _ours(table: str, oid: str) -> str:
    """Of no extension and not the system's."""
    brought = _NOT_BROUGHT.format(table=f"'pg_catalog.{table}'", oid=oid)
    return f"{_SYSTEM} AND {brought}"


_CLASS = f"""pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    AND c.relpersistence <> 't' AND {_ours("pg_class", "c.oid")}"""

# Each gives kind, name and definition. Numbers of objects, and of columns that follow dropped
# ones, are other ones after a restore; so are the versions of extensions. An index that is not
# valid is not dumped. Owners and rights are no content: a side database has others on purpose.
_PARTS = (
    f"""SELECT 'relation', c.oid::pg_catalog.regclass::text, pg_catalog.concat_ws(' ',
            c.relkind, c.relpersistence, c.relreplident, c.relrowsecurity, c.relforcerowsecurity,
            CASE c.relkind WHEN 'm' THEN c.relispopulated END,
            pg_catalog.pg_get_expr(c.relpartbound, c.oid), pg_catalog.pg_get_partkeydef(c.oid),
            (SELECT pg_catalog.string_agg(i.inhparent::pg_catalog.regclass::text, ','
                    ORDER BY i.inhseqno)
               FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid),
            CASE WHEN c.reloftype <> 0 THEN c.reloftype::pg_catalog.regtype::text END,
            pg_catalog.array_to_string(ARRAY(SELECT pg_catalog.unnest(c.reloptions) ORDER BY 1),
                ','))
       FROM {_CLASS} WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c', 'S')""",
    f"""SELECT 'column', c.oid::pg_catalog.regclass::text, pg_catalog.concat_ws(' ',
            pg_catalog.row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum),
            pg_catalog.quote_ident(a.attname),
            pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
            a.attgenerated, CASE WHEN a.attcollation <> t.typcollation
                THEN a.attcollation::pg_catalog.regcollation::text END,
            pg_catalog.pg_get_expr(v.adbin, v.adrelid))
       FROM {_CLASS} JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
            JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
            LEFT JOIN pg_catalog.pg_attrdef v ON v.adrelid = c.oid AND v.adnum = a.attnum
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND a.attnum > 0
        AND NOT a.attisdropped""",
    f"""SELECT 'constraint', c.oid::pg_catalog.regclass::text, pg_catalog.concat_ws(' ',
            pg_catalog.quote_ident(k.conname), k.convalidated,
            pg_catalog.pg_get_constraintdef(k.oid))
       FROM {_CLASS} JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid
      WHERE k.contype NOT IN ('t', 'n')""",
    f"""SELECT 'index', c.oid::pg_catalog.regclass::text, pg_catalog.concat_ws(' ',
            i.indisclustered, i.indisreplident, pg_catalog.pg_get_indexdef(i.indexrelid))
       FROM {_CLASS} JOIN pg_catalog.pg_index i ON i.indrelid = c.oid
      WHERE i.indisvalid OR c.relkind = 'p'""",
    f"""SELECT 'view', c.oid::pg_catalog.regclass::text, pg_catalog.pg_get_viewdef(c.oid)
       FROM {_CLASS} WHERE c.relkind IN ('v', 'm')""",
    f"""SELECT 'trigger', c.oid::pg_catalog.regclass::text, pg_catalog.concat_ws(' ',
            g.tgenabled, pg_catalog.pg_get_triggerdef(g.oid))
       FROM {_CLASS} JOIN pg_catalog.pg_trigger g ON g.tgrelid = c.oid WHERE NOT g.tgisinternal""",
    f"""SELECT 'rule', c.oid::pg_catalog.regclass::text, pg_catalog.concat_ws(' ',
            u.ev_enabled, pg_catalog.pg_get_ruledef(u.oid))
       FROM {_CLASS} JOIN pg_catalog.pg_rewrite u ON u.ev_class = c.oid
      WHERE u.rulename <> '_RETURN'""",
    f"""SELECT 'policy', c.oid::pg_catalog.regclass::text, pg_catalog.concat_ws(' ',
            pg_catalog.quote_ident(p.polname), p.polcmd, p.polpermissive,
            pg_catalog.pg_get_expr(p.polqual, c.oid), '/',
            pg_catalog.pg_get_expr(p.polwithcheck, c.oid))
       FROM {_CLASS} JOIN pg_catalog.pg_policy p ON p.polrelid = c.oid""",
    f"""SELECT 'sequence', c.oid::pg_catalog.regclass::text, pg_catalog.concat_ws(' ',
            s.seqtypid::pg_catalog.regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
            s.seqcache, s.seqcycle)
       FROM {_CLASS} JOIN pg_catalog.pg_sequence s ON s.seqrelid = c.oid""",
    f"""SELECT 'function', p.oid::pg_catalog.regprocedure::text, CASE WHEN p.prokind = 'a' THEN
            (SELECT pg_catalog.concat_ws(' ', a.aggtransfn::pg_catalog.regproc,
                    a.aggfinalfn::pg_catalog.regproc,
                    a.aggtranstype::pg_catalog.regtype, a.agginitval)
               FROM pg_catalog.pg_aggregate a WHERE a.aggfnoid = p.oid)
            ELSE pg_catalog.pg_get_functiondef(p.oid) END
       FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      WHERE {_ours("pg_proc", "p.oid")}""",
    f"""SELECT 'type', t.oid::pg_catalog.regtype::text, pg_catalog.concat_ws(' ', t.typtype,
            t.typnotnull, t.typdefault, CASE WHEN t.typtype = 'd' THEN
                pg_catalog.format_type(t.typbasetype, t.typtypmod) END,
            (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(e.enumlabel), ','
                    ORDER BY e.enumsortorder)
               FROM pg_catalog.pg_enum e WHERE e.enumtypid = t.oid),
            (SELECT pg_catalog.string_agg(pg_catalog.concat_ws(' ',
                        pg_catalog.quote_ident(k.conname), k.convalidated,
                        pg_catalog.pg_get_constraintdef(k.oid)), ','
                    ORDER BY k.conname COLLATE "C")
               FROM pg_catalog.pg_constraint k WHERE k.contypid = t.oid AND k.contype <> 'n'),
            (SELECT r.rngsubtype::pg_catalog.regtype::text
               FROM pg_catalog.pg_range r WHERE r.rngtypid = t.oid))
       FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
      WHERE t.typtype IN ('d', 'e', 'r') AND {_ours("pg_type", "t.oid")}""",
    f"""SELECT 'statistics', pg_catalog.format('%I.%I', n.nspname, s.stxname),
            pg_catalog.pg_get_statisticsobjdef(s.oid)
       FROM pg_catalog.pg_statistic_ext s JOIN pg_catalog.pg_namespace n ON n.oid = s.stxnamespace
      WHERE {_ours("pg_statistic_ext", "s.oid")}""",
    f"""SELECT 'schema', pg_catalog.quote_ident(n.nspname), ''
       FROM pg_catalog.pg_namespace n WHERE {_ours("pg_namespace", "n.oid")}""",
    """SELECT 'extension', pg_catalog.quote_ident(e.extname), n.nspname
       FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace""",
)

_QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")""")
_WORD = r"""(?:"(?:[^"]|"")*"|[a-z_][a-z0-9_$]*)"""
_CAST = re.compile(
    rf"::{_WORD}(?:\.{_WORD})?(?: varying| precision)?(?:\([0-9, ]*\))?"
    r"(?: with(?:out)? time zone)?(?:\[\])*"
)
_LAYOUT = re.compile(r"[\s()]+")


def shape(connection: Connection[Any]) -> str:
    """SHA-256 of columns, constraints, indexes, views, functions, triggers and types as text."""
    digest = hashlib.sha256()
    for line in sorted(lines(connection)):
        digest.update(line.encode(errors="surrogateescape") + b"\0")
    return digest.hexdigest()


def lines(connection: Connection[Any]) -> list[str]:
    """What the hash is made of; for whoever must see what differs."""
    return [
        f"{kind} {name}: {meaning(kind, definition)}"
        for kind, name, definition in definitions(connection)
    ]


def definitions(connection: Connection[Any]) -> list[tuple[str, str, str]]:
    """Kind, name and definition of everything; what belongs to a table has the table's name."""
    return [row for part in _PARTS for row in connection.execute(part)]


def meaning(kind: str, definition: str) -> str:
    """What of a definition counts."""
    return definition if _is_text(kind, definition) else plain(definition)


def _is_text(kind: str, definition: str) -> bool:
    """Whether it is a function's body as it was written; blanks are a matter of its language."""
    return kind == "function" and "\nAS $" in definition


def plain(definition: str) -> str:
    """A definition without casts, brackets and blanks.

    PostgreSQL writes `status IN ('a', 'b')` on a varchar with the casts in one place when it was
    created, and in another when that text was read again: after a restore the text differs while
    nothing else does.
    """
    parts = _QUOTED.split(_CAST.sub("", definition))
    # Every second part is quoted; blanks and brackets there are meant.
    return "".join(
        part if number % 2 else _LAYOUT.sub("", part) for number, part in enumerate(parts)
    )
