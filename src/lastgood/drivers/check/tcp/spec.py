"""What the driver says of itself."""

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="check",
    name="tcp",
    key="tcp",
    summary="connects to a port, with TLS where asked",
    options="lastgood.drivers.check.tcp.options:TcpOptions",
    factory="lastgood.drivers.check.tcp.driver:TcpCheck",
)
