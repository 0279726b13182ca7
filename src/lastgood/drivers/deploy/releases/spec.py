"""What the driver `releases` says of itself."""

from __future__ import annotations

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="deploy",
    name="releases",
    summary="flips a symlink between kept release directories",
    options="lastgood.drivers.deploy.releases.options:ReleasesOptions",
    factory="lastgood.drivers.deploy.releases.driver:make",
)
