"""What the driver says of itself."""

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="database",
    name="postgres",
    summary="PostgreSQL: dumps in one snapshot, restores beside the live database, compares",
    options="lastgood.drivers.database.postgres.options:PostgresOptions",
    factory="lastgood.drivers.database.postgres.driver:make",
)
