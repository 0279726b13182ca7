"""Looks for damage in a PostgreSQL database."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lastgood.drivers.check.postgres.damage import DAMAGED, Found, Looker
from lastgood.model.check import CheckResult
from lastgood.process.masking import Masker, harmless

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg import AsyncConnection, Error

    from lastgood.drivers.check.postgres.options import PostgresCheckOptions
    from lastgood.ports.toolbox import Toolbox

LONGEST_ERROR = 300
CORRUPTION = "corruption"
# Our own limit is a little shorter than that of the look, so that the server says what took long.
_SHARE = 0.8


class PostgresCheck:
    """One database in which nothing may be damaged."""

    names_version = False

    def __init__(self, options: PostgresCheckOptions, toolbox: Toolbox) -> None:
        self._dsn = options.dsn.reveal() if options.dsn else ""
        self._timeout = options.timeout
        self._name = toolbox.name
        self._address = harmless(options.postgres)
        self._looker = Looker(options.known_failures, options.verify)
        self._masker = Masker([self._dsn])

    async def probe(self, instance: str | None = None) -> CheckResult:
        """Look once; a database has no instances."""
        from psycopg import Error  # noqa: PLC0415 - a quarter of a second, for those who need it

        del instance
        at, started = datetime.now(UTC), time.perf_counter()
        try:
            async with asyncio.timeout(self._timeout), self._connected() as connection:
                found = await self._looker.look(connection, self._timeout * _SHARE)
        except TimeoutError:
            return self._result(at, Found(error=f"no answer in {self._timeout:g} s"))
        except Error as error:
            return self._result(at, self._told(error))
        return self._result(at, found, (time.perf_counter() - started) * 1000)

    async def close(self) -> None:
        """No connection is kept."""

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[AsyncConnection[Any]]:
        from psycopg import AsyncConnection  # noqa: PLC0415 - see above

        connection: AsyncConnection[Any] = await AsyncConnection.connect(
            self._dsn, autocommit=True, application_name="lastgood"
        )
        try:
            self._masker.add(connection.info.password)
            await connection.execute("SET default_transaction_read_only TO on")
            limit = max(1, int(self._timeout * 1000))
            await connection.execute(f"SET statement_timeout TO {limit}".encode())
            yield connection
        finally:
            await connection.close()

    def _told(self, error: Error) -> Found:
        from psycopg import ProgrammingError  # noqa: PLC0415 - see above

        if isinstance(error, ProgrammingError) and error.sqlstate is None:
            # What libpq says of an address quotes it.
            return Found(error="the database's address cannot be read")
        said = error.diag.message_primary or str(error)
        return Found(error=said, damaged=error.sqlstate in DAMAGED)

    def _result(self, at: datetime, found: Found, latency_ms: float | None = None) -> CheckResult:
        return CheckResult(
            name=self._name,
            address=self._address,
            at=at,
            ok=found.error is None,
            status=found.checked or ("connected" if latency_ms is not None else None),
            latency_ms=latency_ms,
            error=None if found.error is None else self._line(found.error),
            shows=CORRUPTION if found.damaged else None,
        )

    def _line(self, text: str) -> str:
        text = " ".join(harmless(self._masker.mask(text)).split())
        return text if len(text) <= LONGEST_ERROR else f"{text[:LONGEST_ERROR]}..."
