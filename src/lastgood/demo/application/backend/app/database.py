"""One connection to PostgreSQL per instance, opened again whenever it breaks."""

from __future__ import annotations

import asyncio
from typing import Any, LiteralString

import psycopg


class Database:
    """Runs statements one after the other on a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = asyncio.Lock()
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None

    async def rows(self, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """Return what the statement returns.

        Raises:
            psycopg.Error: the database does not answer, also on a new connection.
        """
        async with self._lock:
            if self._connection is not None:
                try:
                    return await self._run(self._connection, statement, values)
                except psycopg.OperationalError:
                    # The server was restarted or swapped since the last statement.
                    await self._connection.close()
                    self._connection = None
            self._connection = await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, connect_timeout=2
            )
            return await self._run(self._connection, statement, values)

    @staticmethod
    async def _run(
        connection: psycopg.AsyncConnection[tuple[Any, ...]],
        statement: LiteralString,
        values: tuple[object, ...],
    ) -> list[tuple[Any, ...]]:
        cursor = await connection.execute(statement, values)
        return await cursor.fetchall()
