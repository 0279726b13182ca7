"""What the driver `command` says of itself."""

from __future__ import annotations

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="deploy",
    name="command",
    summary="calls your own deploy tool",
    options="lastgood.drivers.deploy.command.options:CommandOptions",
    factory="lastgood.drivers.deploy.command.driver:make",
)
