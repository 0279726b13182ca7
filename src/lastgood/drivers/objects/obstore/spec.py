"""What the driver `obstore` says of itself."""

from __future__ import annotations

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="objects",
    name="obstore",
    key="url",
    summary="keeps objects in S3 and what speaks like it, Google Cloud, Azure, or a folder",
    options="lastgood.drivers.objects.obstore.options:ObstoreOptions",
    factory="lastgood.drivers.objects.obstore.driver:make",
)
