"""What the driver says of itself."""

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="signal",
    name="access-log",
    summary="share of distinct users with a failed request, from a web server's JSON access log",
    options="lastgood.drivers.signal.access_log.options:AccessLogOptions",
    factory="lastgood.drivers.signal.access_log.driver:AccessLog",
)
