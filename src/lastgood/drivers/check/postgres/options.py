"""What can be written for a PostgreSQL check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from lastgood.config.options import DriverOptions, Interval
from lastgood.drivers.database.postgres.options import Dsn, Query
from lastgood.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


class PostgresCheckOptions(DriverOptions):
    """The options of a PostgreSQL check."""

    postgres: str = Field(
        min_length=1, description="The database, as it is named under `databases`."
    )
    dsn: Dsn | None = Field(
        None, description="Another address of it, e.g. with a role that may only read."
    )
    timeout: Interval = Field(2.0, description="A look that takes longer has failed.")
    known_failures: int = Field(
        0, ge=0, description="How many checksum failures were looked into already."
    )
    verify: tuple[Query, ...] = Field(
        (), description="Queries beside those of the database's own `verify`."
    )

    def completed(self, databases: Mapping[str, DriverOptions]) -> PostgresCheckOptions:
        """With the address and the queries of the database that is named.

        Raises:
            ConfigError: there is none of that name, and no address.
        """
        found = databases.get(self.postgres)
        dsn = self.dsn or getattr(found, "live", None)
        if dsn is None:
            raise ConfigError(
                f"a check looks at the database {self.postgres!r}, which is not described",
                cause=f"`databases` has: {', '.join(sorted(databases)) or 'none'}",
                mend="name one of them, or give the check a `dsn`",
                code="which-database",
            )
        queries = (*getattr(found, "verify", ()), *self.verify)
        return self.model_copy(update={"dsn": dsn, "verify": queries})
