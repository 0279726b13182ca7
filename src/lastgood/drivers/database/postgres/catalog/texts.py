"""Values as text, by what their types themselves say: a cast may be anybody's code.

Who owns a type may give it a cast to text by a function of their own, which would run with the
rights of our role, a superuser's perhaps, and may give two values one text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg.sql import Composed

    from lastgood.drivers.database.postgres.loss.pairing import Pair


def text_of(pair: Pair, column: str) -> Composed:
    """The text of a key's column of a row `lg`."""
    from psycopg import sql  # noqa: PLC0415 - a quarter of a second, for those who need it

    # To cast what is built in is quicker, and comes to the same.
    form = "lg.{}::pg_catalog.text" if pair.built_in(column) else "pg_catalog.format('%s', lg.{})"
    return sql.SQL(form).format(sql.Identifier(column))
