"""What can be configured of the driver `command`."""

from __future__ import annotations

from pydantic import Field, field_validator

from lastgood.config.options import (
    Argv,
    DriverOptions,
    GitBranch,
    GitPath,
    GitRemote,
    Interval,
    mistake,
)

COMMIT = "{commit}"


class CommandOptions(DriverOptions):
    """The commands of a deploy tool; each is a list of arguments, never a line for a shell."""

    deploy: Argv = Field(
        description="puts a release live; `{commit}` in an argument stands for it. It may run "
        "twice for the same release"
    )
    deploy_timeout: Interval = Field(
        default=600.0, description="how long `deploy` may take before it is killed"
    )
    wait: Argv | None = Field(
        default=None,
        description="returns when the release is live, for a tool whose `deploy` returns earlier; "
        "`{commit}` stands for it here too",
    )
    wait_timeout: Interval = Field(
        default=300.0, description="how long `wait` may take before it is killed"
    )
    current: Argv | None = Field(
        default=None,
        description="prints the release that runs, in its first line; without it a check that "
        "names a version is needed as proof",
    )
    current_timeout: Interval = Field(
        default=30.0, description="how long `current` may take before it is killed"
    )
    confirm_timeout: Interval = Field(
        default=60.0,
        description="how long `current` may go on naming another release after the deployment",
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

    @field_validator("deploy")
    @classmethod
    def _names_the_release(cls, argv: tuple[str, ...]) -> tuple[str, ...]:
        if not any(COMMIT in argument for argument in argv):
            raise mistake(
                "the command does not say which release",
                f"write {COMMIT} where the release's commit belongs",
            )
        return argv
