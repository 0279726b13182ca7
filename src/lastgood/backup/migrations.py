"""The migrations that are kept with a backup, written into a folder: from outside, so beware.

They are what a repository held, in a tar archive that was sealed. Only plain files and folders are
taken from it, below the folder alone; what else there is ends it.
"""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.errors import RefusedError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES = 64 << 20
"""Of an archive: it is held in memory, and whole folders of migrations have a hundredth of it."""

_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)


def unpack(chunks: Iterable[bytes], folder: Path) -> None:
    """Write what an archive holds into a new folder, for its owner alone; all of it, or nothing.

    Args:
        chunks: the archive.
        folder: it must not be there yet; the one that it will be in must.

    Raises:
        RefusedError: the archive is none, or holds anything but plain files and folders
            (`migrations-unsafe`), or the folder cannot be made (`migrations-unwritten`).
    """
    archive = _whole(chunks)
    if os.path.lexists(folder):
        raise _unwritten(f"{folder} is there already")
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise _unwritten(f"{error.strerror}: {folder.parent}") from error
    try:
        _fill(made, archive)
        made.rename(folder)
    except OSError as error:
        raise _unwritten(f"{error.strerror}: {harmless(str(error.filename))[:200]}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)  # renamed, it is gone already


def _whole(chunks: Iterable[bytes]) -> bytes:
    parts, size = list[bytes](), 0
    for chunk in chunks:
        size += len(chunk)
        if size > MOST_BYTES:
            raise _unsafe(f"it has more than {MOST_BYTES >> 20} MiB")
        parts.append(chunk)
    return b"".join(parts)


def _fill(folder: Path, archive: bytes) -> None:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for member in tar:
                _write(folder, tar, member)
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise _unsafe(f"it cannot be read: {harmless(str(error))[:200]}") from error


def _write(folder: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    """One file or folder; no link is ever made, so none can lead elsewhere."""
    parts = [part for part in member.name.split("/") if part != "."]
    if not parts or "" in parts or ".." in parts or "\0" in member.name:
        raise _unsafe(f"the name {harmless(member.name)[:200]!r} leads elsewhere")
    path = folder.joinpath(*parts)
    if member.isdir():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return
    content = tar.extractfile(member) if member.type in _PLAIN and not member.issparse() else None
    if content is None:
        raise _unsafe(f"{harmless(member.name)[:200]!r} is no plain file")
    read = content.read()
    if len(read) != member.size:
        raise _unsafe("it is cut off")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o700 if member.mode & 0o100 else 0o600, exist_ok=False)
    path.write_bytes(read)


def _unsafe(cause: str) -> RefusedError:
    return RefusedError(
        "the backup's migrations cannot be unpacked",
        cause=cause,
        mend="unpack them by hand and look at them: docs/backups.md",
        code="migrations-unsafe",
    )


def _unwritten(cause: str) -> RefusedError:
    return RefusedError(
        "the backup's migrations cannot be written",
        cause=cause,
        mend="name a folder that is not there yet, on a disk with room",
        code="migrations-unwritten",
    )
