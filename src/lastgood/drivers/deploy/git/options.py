"""What can be configured of the driver `git`."""

from __future__ import annotations

from pydantic import Field

from lastgood.config.options import DriverOptions, GitBranch, GitPath, GitRemote


class GitDeployOptions(DriverOptions):
    """A branch from which CI deploys whatever is pushed to it."""

    repository: GitRemote = Field(
        description="the remote that CI deploys from: a URL, user@host:path, or a path"
    )
    branch: GitBranch = Field(default="main", description="the branch that is deployed")
    paths: tuple[GitPath, ...] = Field(
        default=(), description="the service's paths within a monorepo; empty for everything"
    )
    migrations: GitPath | None = Field(
        default=None, description="the path of the migration files within the repository"
    )
