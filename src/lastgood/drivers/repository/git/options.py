"""What can be configured of a git repository."""

from __future__ import annotations

from pydantic import Field

from lastgood.config.options import DriverOptions, GitBranch, GitRemote


class GitRepositoryOptions(DriverOptions):
    """A git remote and the branch that is deployed."""

    repository: GitRemote = Field(
        description="where the repository is: a URL, user@host:path, or a path on this machine"
    )
    branch: GitBranch = Field(default="main", description="the branch that is deployed")
