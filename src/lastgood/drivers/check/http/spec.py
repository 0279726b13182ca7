"""What the driver says of itself."""

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="check",
    name="http",
    key="url",
    summary="asks an HTTP address and looks at status, body, latency, certificate and version",
    options="lastgood.drivers.check.http.options:HttpOptions",
    factory="lastgood.drivers.check.http.driver:HttpCheck",
)
