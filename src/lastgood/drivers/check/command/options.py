"""What can be written for a command check."""

from __future__ import annotations

from pydantic import Field

from lastgood.config.options import Argv, DriverOptions, Interval


class CommandVersion(DriverOptions):
    """Where the program says which version answered."""

    stdout: bool = Field(description="The first line that it prints.")


class CommandOptions(DriverOptions):
    """The options of a command check."""

    command: Argv = Field(description="The program and its arguments; exit code 0 is good.")
    timeout: Interval = Field(2.0, description="A look that takes longer has failed.")
    version: CommandVersion | None = Field(
        None, description="Where the program says which version answered."
    )
