"""The files themselves: release directories, the symlink `current`, the flip.

Nothing here awaits: a flip either happened or not when a step is stopped.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from lastgood.errors import RefusedError
from lastgood.model.problem import Problem
from lastgood.model.revision import is_release_name

BUILDING = (".partial", ".tmp")
REMOVED = ".lastgood-removed-"
_NEW_LINK = ".current.lastgood"


@dataclass(frozen=True, kw_only=True)
class Current:
    """What the symlink says.

    Attributes:
        name: the release it names; None when there is no link or it is of no use.
        problem: why it is of no use.
    """

    name: str | None = None
    problem: Problem | None = None


def is_name(text: str) -> bool:
    """Whether a directory of that name is a release, and not one that is being built."""
    return is_release_name(text) and not text.endswith(BUILDING)


class ReleaseDirectories:
    """One service's folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.releases = path / "releases"
        self._link = path / "current"

    def current(self) -> Current:
        """What runs, by the symlink."""
        try:
            text = self._link.readlink()
        except FileNotFoundError:
            return Current()
        except OSError as error:
            return Current(problem=self._unreadable(error))
        real = Path(os.path.realpath(self.path / text))
        if real.parent != self._real_releases() or not is_name(real.name):
            return Current(
                problem=Problem(
                    code="outside-path",
                    what=f"{self._link} leads to {str(text)!r}, which is no release in "
                    f"{self.releases}",
                    mend=f"let it name a directory in {self.releases}, or correct `path`",
                )
            )
        return Current(name=real.name)

    def problem(self, name: str) -> Problem | None:
        """Why a release cannot be put live; None when it can."""
        directory = self.releases / name
        if not is_release_name(name):
            return _problem("odd-name", f"{name[:80]!r} can be no release", self._others())
        if not is_name(name):
            return self._unfinished(directory, "its name says that it is being built")
        try:
            return self._defect(directory)
        except (FileNotFoundError, NotADirectoryError):
            return _problem("release-vanished", f"{directory} is not there", self._others())
        except OSError as error:
            return _problem(
                "unreadable",
                f"{directory} cannot be read: {error.strerror}",
                "run lastgood as a user who may read it",
            )

    def _defect(self, directory: Path) -> Problem | None:
        mode = directory.lstat().st_mode
        if stat.S_ISLNK(mode) or self.releases.is_symlink():
            return _problem(
                "outside-path",
                f"{directory} is reached through a symlink, so it may change or vanish",
                "set `path` to where the releases really are, as directories",
            )
        if not stat.S_ISDIR(mode):
            return _problem("release-vanished", f"{directory} is no directory", self._others())
        if not any(directory.iterdir()):
            return self._unfinished(directory, "it is empty")
        return None

    def unwritable(self) -> Problem | None:
        """Why the symlink cannot be replaced; None when it can."""
        if not self.path.is_dir():
            return _problem("path-missing", f"{self.path} is no directory", "correct `path`")
        effective = os.access in os.supports_effective_ids
        if os.access(self.path, os.W_OK | os.X_OK, effective_ids=effective):
            return None
        return _problem(
            "not-writable",
            f"{self.path} may not be written by user {os.geteuid()}",
            "run lastgood as the user who deploys, or give that user write permission",
        )

    def names(self) -> list[str]:
        """The names of all releases, finished or not; empty where there is no folder.

        Raises:
            RefusedError: the folder may not be read (code `unreadable`).
        """
        try:
            return sorted(entry.name for entry in self.releases.iterdir() if is_name(entry.name))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise RefusedError(
                f"{self.releases} cannot be read",
                cause=str(error.strerror),
                mend="run lastgood as a user who may read it",
                code="unreadable",
            ) from error

    def finished(self) -> list[tuple[str, float]]:
        """Releases that could be put live with their time of change, newest first."""
        found: list[tuple[str, float]] = []
        for name in self.names():
            if self.problem(name) is None:
                try:
                    found.append((name, (self.releases / name).stat().st_mtime))
                except FileNotFoundError:
                    continue  # pruned by somebody else since it was listed
        return sorted(found, key=lambda release: (-release[1], release[0]))

    def flip(self, name: str) -> None:
        """Let `current` name a release, in one step that survives a power cut.

        Raises:
            OSError: it could not be done, or is done and not yet safe from a power cut.
        """
        new = self.path / _NEW_LINK
        new.unlink(missing_ok=True)
        try:
            new.symlink_to(self._text(name))
            new.replace(self._link)
        except OSError:
            new.unlink(missing_ok=True)
            raise
        sync(self.path)

    def set_aside(self, name: str) -> Path:
        """Take a release out of sight, so that one that is half deleted is never a target."""
        aside = self.releases / f"{REMOVED}{name}"
        (self.releases / name).rename(aside)
        return aside

    def aside(self) -> list[Path]:
        """What was set aside and is not yet deleted."""
        if self.releases.is_symlink():
            return []
        return sorted(self.releases.glob(f"{REMOVED}*"))

    def _text(self, name: str) -> str:
        """What the symlink says for a release, written in the way it is written now."""
        try:
            before = self._link.readlink()
        except OSError:
            return f"releases/{name}"
        direct = Path(os.path.realpath(self.path / before.parent)) == self._real_releases()
        return str(before.parent / name) if direct else f"releases/{name}"

    def _real_releases(self) -> Path:
        return Path(os.path.realpath(self.path)) / "releases"

    def _unreadable(self, error: OSError) -> Problem:
        if self._link.is_dir():
            return _problem(
                "current-no-link",
                f"{self._link} is a real directory, not a symlink",
                f"move it to {self.releases}/NAME and run: ln -s releases/NAME {self._link}",
            )
        return _problem(
            "unreadable",
            f"{self._link} cannot be read as a symlink: {error.strerror}",
            "make it a symlink to a release, and run lastgood as a user who may read it",
        )

    def _unfinished(self, directory: Path, why: str) -> Problem:
        return _problem("release-unfinished", f"{directory} is unfinished: {why}", self._others())

    def _others(self) -> str:
        here = ", ".join(self.names()[:20]) or "none"
        return f"choose one that is kept with --to (here: {here}), or another --method"


def sync(folder: Path) -> None:
    """Write a folder's entries to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _problem(code: str, what: str, mend: str) -> Problem:
    return Problem(code=code, what=what, mend=mend)
