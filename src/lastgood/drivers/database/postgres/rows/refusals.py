"""Why rows are not taken: asked of all that wait at once, with the table's own conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lastgood.model.salvage import Hindrance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.rows.place import Reference, Unique
    from lastgood.drivers.database.postgres.rows.staging import Stage


class Refusal(NamedTuple):
    """What stands in the way of some rows.

    Attributes:
        numbers: a query of the numbers of those rows.
    """

    why: Hindrance
    said: str
    numbers: Composed


def alone(stage: Stage) -> Iterator[Refusal]:
    """What does not depend on other rows that wait."""
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    place = stage.place
    # Conditions name the columns alone, or the whole row by the table's name.
    rows = sql.SQL("{} AS {}").format(stage.rows, sql.Identifier(place.relation.name))
    for column in place.columns:
        if column.not_null:
            yield Refusal(
                Hindrance.REFUSED,
                f"{column.name} must have a value",
                sql.SQL("SELECT {} FROM {} WHERE {} IS NULL").format(
                    stage.number, rows, sql.Identifier(column.name)
                ),
            )
    for name, check in place.checks:
        numbers = sql.SQL("SELECT {} FROM {} WHERE NOT ({})").format(
            stage.number, rows, sql.SQL(check)
        )
        yield Refusal(Hindrance.REFUSED, name, numbers)
    for unique in place.unique:
        yield Refusal(Hindrance.TAKEN, unique.name, _taken(stage, unique))


def orphans(stage: Stage, together: Mapping[str, Stage]) -> Iterator[Refusal]:
    """Rows whose parents are neither there nor wait to be inserted in the same statement."""
    for reference in stage.place.references:
        if reference.everywhere:
            numbers = _orphans(stage, reference, together.get(reference.root))
            yield Refusal(Hindrance.ORPHAN, reference.name, numbers)


def _taken(stage: Stage, unique: Unique) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - see above

    relation = stage.place.relation
    parts = [sql.SQL("{} AS k{}").format(sql.SQL(part), sql.SQL(str(at)))
             for at, part in enumerate(unique.parts)]  # fmt: skip
    alias = sql.Identifier(relation.name)
    where = sql.SQL(f" WHERE {unique.where}" if unique.where else "")
    there = sql.SQL("(SELECT {} FROM {} AS {}{})").format(
        sql.SQL(", ").join(parts), sql.Identifier(relation.schema, relation.name), alias, where
    )
    waiting = sql.SQL("(SELECT {} AS n, {} FROM {} AS {}{})").format(
        stage.number, sql.SQL(", ").join(parts), stage.rows, alias, where
    )
    alike = [
        f"(l.k{at} {operator} s.k{at}"
        + (f" OR l.k{at} IS NULL AND s.k{at} IS NULL)" if unique.nulls_too else ")")
        for at, operator in enumerate(unique.operators)
    ]
    return sql.SQL("SELECT s.n FROM {} AS s WHERE EXISTS (SELECT FROM {} AS l WHERE {})").format(
        waiting, there, sql.SQL(" AND ".join(alike))
    )


def _orphans(stage: Stage, reference: Reference, parents: Stage | None) -> Composed:
    from psycopg import sql  # noqa: PLC0415 - see above

    ours = [sql.SQL("s.{}").format(sql.Identifier(name)) for name in reference.columns]
    meets = [
        sql.SQL("p.{} {} {}").format(sql.Identifier(name), sql.SQL(operator), column)
        for name, operator, column in zip(reference.parents, reference.operators, ours, strict=True)
    ]
    missing = sql.SQL("NOT EXISTS (SELECT FROM {} AS p WHERE {})")
    met = sql.SQL(" AND ").join(meets)
    conditions = [sql.SQL("{} IS NOT NULL").format(column) for column in ours]
    # Its name was written by the server, quoted where it needs to be.
    conditions.append(missing.format(sql.SQL(reference.parent), met))
    if parents is not None:
        conditions.append(missing.format(parents.rows, met))
    return sql.SQL("SELECT s.{} FROM {} AS s WHERE {}").format(
        stage.number, stage.rows, sql.SQL(" AND ").join(conditions)
    )
