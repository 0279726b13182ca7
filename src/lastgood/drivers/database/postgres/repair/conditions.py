"""Which rows are meant: conditions of people, made SQL without any SQL of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lastgood.drivers.database.postgres.client.faults import shown
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection
    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.catalog.tables import Relation
    from lastgood.model.repair import Condition
    from lastgood.process.masking import Masker

_OPERATORS = {"=": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_LONGEST = 300
_TYPE = """
    SELECT pg_catalog.format_type(a.atttypid, -1) FROM pg_catalog.pg_attribute a
     WHERE a.attrelid = %s::pg_catalog.regclass AND a.attname = %s
       AND a.attnum > 0 AND NOT a.attisdropped"""


def condition(
    connection: Connection[Any], relation: Relation, where: Sequence[Condition], masker: Masker
) -> Composed:
    """What a row `lg` of a table must meet, on this side.

    Raises:
        RefusedError: there is no such column (`no-column`), or the value is none of its type
            (`no-value`).
    """
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    parts = [sql.Composed([sql.SQL("true")])]
    for one in where:
        value = sql.SQL("{}::{}").format(
            sql.Literal(one.value), sql.SQL(_type(connection, relation, one, masker))
        )
        column = sql.Identifier(one.column)
        test = sql.SQL("lg.{} {} {}").format(column, sql.SQL(_OPERATORS[one.operator]), value)
        _try(connection, test, relation, one, masker)
        parts.append(test)
    return sql.SQL(" AND ").join(parts)


def no_column(relation: Relation, name: str, masker: Masker) -> RefusedError:
    """The refusal of a column that one of the two sides has not."""
    return RefusedError(
        f"{shown(relation.sql, masker, _LONGEST)} has no column {shown(name, masker, _LONGEST)}",
        cause="the live database and the copy must both have it",
        mend="write it as the table has it, without quotes; or repair the tables one by one",
        code="no-column",
    )


def _type(connection: Connection[Any], relation: Relation, one: Condition, masker: Masker) -> str:
    row = connection.execute(_TYPE, (relation.sql, one.column)).fetchone()
    if row is None:
        raise no_column(relation, one.column, masker)
    return str(row[0])


def _try(
    connection: Connection[Any], test: Composed, relation: Relation, one: Condition, masker: Masker
) -> None:
    """See that the server can ask that of a row, without asking it of many."""
    import psycopg  # noqa: PLC0415 - see above
    from psycopg import sql  # noqa: PLC0415 - see above

    name = sql.Identifier(relation.schema, relation.name)
    try:
        with connection.transaction():
            connection.execute(sql.SQL("SELECT FROM {} AS lg WHERE {} LIMIT 0").format(name, test))
    except (psycopg.DataError, psycopg.ProgrammingError) as error:
        raise RefusedError(
            f"{shown(str(one), masker, _LONGEST)} cannot be asked of "
            f"{shown(relation.sql, masker, _LONGEST)}",
            cause=shown(error.diag.message_primary or str(error), masker, _LONGEST),
            mend="give a value as the column has it, e.g. id>=100",
            code="no-value",
        ) from None
