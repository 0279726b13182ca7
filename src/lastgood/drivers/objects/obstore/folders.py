"""Folders that are entered step by step, so that no link in the way leads elsewhere."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PRIVATE = 0o700
ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def entered(root: Path, names: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """A descriptor of the folder below the root; made where it is missing, if so wished.

    Raises:
        OSError: it is not there, or something in the way is no real folder.
    """
    here = _root(root, make=make)
    try:
        for name in names:
            there = _step(here, name, make=make)
            os.close(here)
            here = there
        yield here
    finally:
        os.close(here)


def _root(root: Path, *, make: bool) -> int:
    # The root itself is the administrator's: it may be a link, and keeps its permissions.
    if make and not root.is_dir():
        root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        _sync(root.parent)
    return os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _step(here: int, name: str, *, make: bool) -> int:
    try:
        return os.open(name, ENTER, dir_fd=here)
    except FileNotFoundError:
        if not make:
            raise
    try:
        os.mkdir(name, PRIVATE, dir_fd=here)
    except FileExistsError:  # another backup was quicker
        pass
    else:
        os.fsync(here)
    return os.open(name, ENTER, dir_fd=here)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
