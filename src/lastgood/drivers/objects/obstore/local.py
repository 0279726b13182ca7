"""A folder of this machine as an object store.

Not by obstore: its local files are open to everybody, and nothing of them is seen safe on the disk.
A new object is a file without a name (`O_TMPFILE`) until it is whole and synced, so that a crash
leaves nothing; where a file system cannot do that, it has a name of its own until then.
"""

from __future__ import annotations

import fcntl
import os
import stat
import uuid
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote

from lastgood.drivers.objects.obstore.folders import entered
from lastgood.drivers.objects.obstore.keys import is_key, parts
from lastgood.drivers.objects.obstore.source import Source
from lastgood.errors import RefusedError, RemoteError
from lastgood.ports.objects import Stored, Upload

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from pathlib import Path

PRIVATE = 0o600
PIECE = 1 << 20
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
DESCRIPTORS = "/proc/self/fd"
UNFINISHED = ".unfinished-"


class LocalObjects:
    """Objects as private files below a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, key: str, chunks: Iterable[bytes]) -> int:
        """Store a stream; see the port."""
        *folders, name = parts(key)
        source = Source(chunks)
        with (
            self._told("stored", source),
            entered(self._root, folders, make=True) as folder,
        ):
            return _write(folder, name, source)

    def put_new(self, key: str, content: bytes) -> bool:
        """Store a small object if there is none; see the port."""
        *folders, name = parts(key)
        with self._told("stored"), entered(self._root, folders, make=True) as folder:
            try:
                _write(folder, name, [content], new=True)
            except FileExistsError:
                return _content(folder, name) == content
        return True

    def replace(self, key: str, content: bytes) -> None:
        """Store a small object in the place of what is there."""
        self.put(key, [content])

    def exchange(self, key: str, before: bytes, content: bytes) -> bool:
        """Store a small object in the place of exactly this content; see the port."""
        *folders, name = parts(key)
        with self._told("stored"):
            try:
                with entered(self._root, folders) as folder:
                    fcntl.flock(folder, fcntl.LOCK_EX)  # closing the folder frees it
                    there = _content(folder, name)
                    if there == before:
                        _write(folder, name, [content])
                    return there in (before, content)
            except (FileNotFoundError, NotADirectoryError):
                return False

    def get(self, key: str) -> bytes:
        """A small object, whole."""
        return b"".join(self.read(key))

    def read(self, key: str) -> Generator[bytes, None, None]:
        """An object in chunks; see the port."""
        *folders, name = parts(key)
        with self._told("read"):
            try:
                with entered(self._root, folders) as folder:
                    handle = _open(folder, name)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise no_object(key, self.describe()) from error
        with os.fdopen(handle, "rb", buffering=0) as file:
            while chunk := self._piece(file.fileno()):
                yield chunk

    def _piece(self, handle: int) -> bytes:
        with self._told("read"):
            return os.read(handle, PIECE)

    def list(self, folder: str) -> list[Stored]:
        """The objects below a folder; see the port."""
        names = parts(folder) if folder else []
        with self._told("listed"):
            try:
                with entered(self._root, names) as handle:
                    found = list(_walk(handle, names))
            except (FileNotFoundError, NotADirectoryError):
                if self._root.exists() and not self._root.is_dir():
                    raise  # that is no empty store
                return []
        return sorted(found)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, and folders that are empty then."""
        for key in keys:
            *folders, name = parts(key)
            with self._told("deleted"), suppress(FileNotFoundError, NotADirectoryError):
                with entered(self._root, folders) as folder:
                    with suppress(OSError):  # where nothing can be locked nothing is exchanged
                        fcntl.flock(folder, fcntl.LOCK_EX)
                    os.unlink(name, dir_fd=folder)
                    os.fsync(folder)
                self._tidy(folders)

    def _tidy(self, folders: Sequence[str]) -> None:
        for depth in range(len(folders), 0, -1):
            try:
                with entered(self._root, folders[: depth - 1]) as parent:
                    os.rmdir(folders[depth - 1], dir_fd=parent)
            except OSError:  # not empty, or somebody was quicker
                return

    def uploads(self, folder: str) -> Sequence[Upload]:
        """None: a file without a name ends with its process, and one with a name is listed."""
        parts(folder)
        return ()

    def end_uploads(self, uploads: Iterable[Upload]) -> None:
        """Nothing to end."""

    def describe(self) -> str:
        """Where this is."""
        return f"file://{quote(str(self._root))}"

    @contextmanager
    def _told(self, what: str, source: Source | None = None) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if source is not None and error is source.failure:
                raise  # the dump failed, not the store
            _fail(error, what, self.describe())


def no_object(key: str, where: str) -> RefusedError:
    """There is nothing under this key."""
    return RefusedError(
        f"there is no object {key} in {where}",
        cause="it was deleted, never finished, or is in another store",
        mend="see what there is: lastgood backup list",
        code="no-object",
    )


def _fail(error: OSError, what: str, where: str) -> NoReturn:
    raise RemoteError(
        f"objects in {where} cannot be {what}",
        cause=(error.strerror or str(error)).lower(),
        mend="see that the folder exists, is ours to write, has room, and no links in it",
        code="store-failed",
    ) from error


def _write(folder: int, name: str, chunks: Iterable[bytes], *, new: bool = False) -> int:
    """A whole file under its name, or none at all; gives its size."""
    handle, unfinished = _nameless(folder, name)
    try:
        size = 0
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), PRIVATE)
            for chunk in chunks:
                file.write(chunk)
                size += len(chunk)
            file.flush()
            os.fsync(file.fileno())
            if unfinished is None:
                unfinished = _named(folder, name, file.fileno(), new=new)
        if unfinished is not None:
            _settle(folder, unfinished, name, new=new)
    except BaseException:
        if unfinished is not None:
            with suppress(OSError):
                os.unlink(unfinished, dir_fd=folder)
        raise
    os.fsync(folder)
    return size


def _nameless(folder: int, name: str) -> tuple[int, str | None]:
    """A new file, without a name where the file system can do that."""
    flags = os.O_WRONLY | os.O_CLOEXEC
    nameless = getattr(os, "O_TMPFILE", None)
    if nameless is not None and os.path.isdir(DESCRIPTORS):  # noqa: PTH112 - a folder of numbers
        with suppress(OSError):
            return os.open(".", flags | nameless, PRIVATE, dir_fd=folder), None
    unfinished = _unfinished(name)
    made = os.open(unfinished, flags | os.O_CREAT | os.O_EXCL, PRIVATE, dir_fd=folder)
    return made, unfinished


def _named(folder: int, name: str, handle: int, *, new: bool) -> str | None:
    """Give a file its name; when there is one already it gets one to be renamed from."""
    source = f"{DESCRIPTORS}/{handle}"
    try:
        os.link(source, name, dst_dir_fd=folder, follow_symlinks=True)
    except FileExistsError:
        if new:
            raise
        unfinished = _unfinished(name)
        os.link(source, unfinished, dst_dir_fd=folder, follow_symlinks=True)
        return unfinished
    return None


def _settle(folder: int, unfinished: str, name: str, *, new: bool) -> None:
    if new:  # unlike a rename, a link fails when there is one
        os.link(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        os.unlink(unfinished, dir_fd=folder)
    else:
        os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)


def _unfinished(name: str) -> str:
    return f"{name[:100]}{UNFINISHED}{uuid.uuid4().hex}"


def _open(folder: int, name: str) -> int:
    handle = os.open(name, READ, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileNotFoundError(name)
    return handle


def _content(folder: int, name: str) -> bytes:
    with os.fdopen(_open(folder, name), "rb") as file:
        return file.read()


def _walk(folder: int, names: list[str]) -> Iterator[Stored]:
    """Every ordinary file below; links are no objects and are not followed."""
    with os.scandir(folder) as found:
        entries = [(entry.name, entry.stat(follow_symlinks=False)) for entry in found]
    for name, seen in entries:
        key = "/".join([*names, name])
        if not is_key(key):
            continue
        if stat.S_ISREG(seen.st_mode):
            yield Stored(key, seen.st_size, datetime.fromtimestamp(seen.st_mtime, UTC))
        elif stat.S_ISDIR(seen.st_mode):
            with suppress(FileNotFoundError), _inner(folder, name) as inner:
                yield from _walk(inner, [*names, name])


@contextmanager
def _inner(folder: int, name: str) -> Iterator[int]:
    handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        yield handle
    finally:
        os.close(handle)
