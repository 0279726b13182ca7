"""How the whole server goes back in time: configured by people, who know how it is backed up."""

from __future__ import annotations

from pydantic import Field

from lastgood.config.base import Strict
from lastgood.config.options import Argv, ConfigPath, Duration


class Physical(Strict):
    """A server on this machine that pgBackRest backs up."""

    stanza: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="What pgBackRest calls this server."
    )
    config: ConfigPath | None = Field(
        None, description="pgBackRest's configuration, when it is not in its usual place."
    )
    program: Argv = Field(
        ("pgbackrest",),
        description="How pgBackRest is run, e.g. `[sudo, -n, -u, postgres, pgbackrest]`: as the "
        "user that the server's files belong to.",
    )
    stop: Argv = Field(description="Stops the server, and waits until it has stopped.")
    start: Argv = Field(description="Starts the server, whether or not it goes on at once.")
    patience: Duration = Field(
        300.0, description="How long it may take to stop, to start, and to archive its log."
    )
    longest: Duration = Field(
        14_400.0, description="How long the restore, and the replay of the log, may take each."
    )
