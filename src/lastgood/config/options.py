"""What a driver's options are made of; the only part of the configuration that drivers import."""

from __future__ import annotations

from lastgood.config.base import Strict
from lastgood.config.bytesize import ByteSize
from lastgood.config.bytesize import spell as spell_bytes
from lastgood.config.duration import Duration, Interval
from lastgood.config.fault import mistake
from lastgood.config.fields import Argv, ConfigPath, Name, Url
from lastgood.config.git import GitBranch, GitPath, GitRemote
from lastgood.config.secret import Secret

__all__ = [
    "Argv",
    "ByteSize",
    "ConfigPath",
    "DriverOptions",
    "Duration",
    "GitBranch",
    "GitPath",
    "GitRemote",
    "Interval",
    "Name",
    "Secret",
    "Url",
    "mistake",
    "spell_bytes",
]


class DriverOptions(Strict):
    """The base of every driver's options: frozen, unknown keys are faults.

    A driver's model describes each field with `Field(description=...)`: the description is the
    documentation. A validator raises `mistake(what, mend)` where it can say the mend.
    """
