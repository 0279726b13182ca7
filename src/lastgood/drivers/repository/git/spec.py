"""What the driver `git` says of itself."""

from __future__ import annotations

from lastgood.ports.spec import DriverSpec

SPEC = DriverSpec(
    family="repository",
    name="git",
    summary="a git remote, read and written through a private cache",
    options="lastgood.drivers.repository.git.options:GitRepositoryOptions",
    factory="lastgood.drivers.repository.git.driver:make",
)
