"""What can be written for a log check."""

from __future__ import annotations

from pydantic import Field

from lastgood.config.options import ConfigPath, DriverOptions, Interval
from lastgood.drivers.check.pattern import Pattern


class LogOptions(DriverOptions):
    """The options of a log check."""

    log: ConfigPath = Field(description="The log file.")
    fail_on: Pattern = Field(
        description="A regular expression; a line that holds it is a failure, such as "
        "`CRITICAL|Traceback`."
    )
    within: Interval = Field(60.0, description="How long such a line counts.")
    timeout: Interval = Field(2.0, description="A look that takes longer has failed.")
