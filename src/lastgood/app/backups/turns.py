"""Whose turn it is on this machine: locks that the kernel frees, however their holder ends."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from lastgood.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lastgood.app.project import Project


class Turn(NamedTuple):
    """A lock that was asked for.

    Attributes:
        ours: whether we hold it.
        crashed: whether its last holder ended without giving it back.
    """

    ours: bool
    crashed: bool = False


def turn_file(project: Project, what: str, *names: str) -> Path:
    """The file of a lock; a name holds no `~`, so that two never share one."""
    return project.state.folder / f"{'~'.join((what, project.name, *names))}.lock"


@contextmanager
def turn(path: Path, *, shared: bool = False) -> Iterator[Turn]:
    """Hold a lock while the context lasts, if nobody holds it; waits for nobody.

    An exclusive one that ends by an exception, or with its process, shows as crashed to the next.

    Raises:
        StateError: the state's folder cannot be written.
    """
    descriptor = _locked(path, shared=shared)
    if descriptor is None:
        yield Turn(ours=False)
        return
    try:
        crashed = os.fstat(descriptor).st_size > 0
        if shared:
            yield Turn(ours=True, crashed=crashed)
            return
        os.write(descriptor, b"held\n")
        yield Turn(ours=True, crashed=crashed)
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _locked(path: Path, *, shared: bool) -> int | None:
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(
                "it cannot be seen whose turn it is",
                cause=f"{error.strerror}: {path}",
                mend=f"see that {path.parent} is there, and that this user may write it",
                code="state-unreachable",
            ) from error
        try:
            fcntl.flock(descriptor, how)
        except BlockingIOError:
            os.close(descriptor)
            return None
        if _is(path, descriptor):
            return descriptor
        os.close(descriptor)  # its holder gave it back between our two calls


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
