"""What the driver `git` says of itself."""

from __future__ import annotations

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="deploy",
    name="git",
    summary="puts the known good tree on the branch that CI deploys from",
    options="lastgood.drivers.deploy.git.options:GitDeployOptions",
    factory="lastgood.drivers.deploy.git.driver:make",
)
