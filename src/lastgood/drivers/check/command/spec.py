"""What the driver says of itself."""

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="check",
    name="command",
    key="command",
    summary="runs a program; its exit code 0 is good",
    options="lastgood.drivers.check.command.options:CommandOptions",
    factory="lastgood.drivers.check.command.driver:CommandCheck",
)
