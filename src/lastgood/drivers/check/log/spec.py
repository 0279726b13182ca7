"""What the driver says of itself."""

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="check",
    name="log",
    key="log",
    summary="looks for a pattern in the newest lines of a log",
    options="lastgood.drivers.check.log.options:LogOptions",
    factory="lastgood.drivers.check.log.driver:LogCheck",
)
