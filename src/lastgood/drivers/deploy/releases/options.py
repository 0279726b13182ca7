"""What can be configured of the driver `releases`."""

from __future__ import annotations

from pydantic import Field

from lastgood.config.options import (
    Argv,
    ConfigPath,
    DriverOptions,
    GitBranch,
    GitPath,
    GitRemote,
    Interval,
)


class ReleasesOptions(DriverOptions):
    """A folder with `releases/COMMIT/` directories and the symlink `current`."""

    path: ConfigPath = Field(description="the folder that holds `releases/` and `current`")
    keep: int = Field(
        default=10,
        ge=1,
        description="how many of the newest releases stay; possible targets and the live one "
        "stay in any case",
    )
    drain: Argv | None = Field(
        default=None,
        description="a command that runs before the flip; it may run twice",
    )
    drain_timeout: Interval = Field(
        default=60.0, description="how long `drain` may take before it is killed"
    )
    restart: Argv | None = Field(
        default=None,
        description="a command that runs after the flip; it may run twice, and returns when the "
        "new release answers",
    )
    restart_timeout: Interval = Field(
        default=60.0, description="how long `restart` may take before it is killed"
    )
    repository: GitRemote | None = Field(
        default=None,
        description="the git remote the releases are built from: then tags and branches are "
        "understood, and plans list dropped commits and migrations",
    )
    branch: GitBranch = Field(default="main", description="the branch that is deployed")
    paths: tuple[GitPath, ...] = Field(
        default=(), description="the service's paths within a monorepo; empty for everything"
    )
    migrations: GitPath | None = Field(
        default=None, description="the path of the migration files within the repository"
    )
