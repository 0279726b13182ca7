"""Which file, and which environment, a command means."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from lastgood.config.model import Settings, unknown_environment
from lastgood.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE_NAME = "lastgood.yaml"
VARIABLE = "ENVIRONMENT"
DEFAULT = "production"


def find(start: Path) -> Path:
    """The nearest `lastgood.yaml` in a folder or in one above it.

    Raises:
        ConfigError: there is none (code `no-config`), or anybody may have put it there (code
            `strangers-config`).
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        candidate = folder / FILE_NAME
        if os.path.isfile(candidate):  # noqa: PTH113 - a folder above may be closed to this user
            _refuse_a_stranger_s(candidate)
            return candidate
    raise ConfigError(
        f"there is no {FILE_NAME} in {start} or in any folder above it",
        mend="write one with: lastgood init (or name one with --config FILE)",
        code="no-config",
    )


def _refuse_a_stranger_s(file: Path) -> None:
    """Its commands run as this user: in /tmp and the like it could be anybody's trap."""
    owner, place = file.stat().st_uid, file.parent.stat().st_mode
    if place & stat.S_IWOTH and owner not in {0, os.geteuid()}:
        raise ConfigError(
            f"{file} was not taken: it is somebody else's, in a folder that everybody may write",
            cause=f"it belongs to the user {owner}, and its commands would run as you",
            mend="work in your project's own folder, or name the file: --config FILE",
            code="strangers-config",
        )


def choose_environment(settings: Settings, asked: str | None, environ: Mapping[str, str]) -> str:
    """What was asked, else the variable `ENVIRONMENT`, else the only one, else production.

    Raises:
        UsageError: there is no such environment, or several and none is named production.
    """
    return choose(settings.names, asked, environ)


def choose(names: tuple[str, ...], asked: str | None, environ: Mapping[str, str]) -> str:
    """The same, from the names alone."""
    wanted = asked or environ.get(VARIABLE)
    if wanted:
        if wanted not in names:
            raise unknown_environment(wanted, names)
        return wanted
    if len(names) == 1:
        return names[0]
    if DEFAULT not in names:
        raise UsageError(
            "it is not clear which environment is meant",
            cause=f"the file has {', '.join(names)}, and none is named {DEFAULT}",
            mend="add --env NAME, or set the variable ENVIRONMENT",
            code="which-environment",
        )
    return DEFAULT
