"""What the driver says of itself."""

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="check",
    name="postgres",
    key="postgres",
    summary="looks for damage in a PostgreSQL database: checksums, indexes, the project's queries",
    options="lastgood.drivers.check.postgres.options:PostgresCheckOptions",
    factory="lastgood.drivers.check.postgres.driver:PostgresCheck",
)
