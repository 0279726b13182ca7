"""The port of the objects family: where backups are kept.

Every method blocks and is called from a worker thread: a backup is one stream from the dump to the
store, and both ends of it are blocking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime


class Stored(NamedTuple):
    """An object in the listing."""

    key: str
    bytes: int
    at: datetime


class ObjectStore(Protocol):
    """One place for objects; keys are relative to it, with `/` between their parts."""

    def put(self, key: str, chunks: Iterable[bytes]) -> int:
        """Store a stream of any size in bounded memory; gives its size.

        An exception of the stream, or the death of this process, leaves no object under the key.

        Raises:
            RemoteError: the store failed, refused or did not answer.
        """

    def put_new(self, key: str, content: bytes) -> bool:
        """Store a small object if there is none under this key; whether it is ours that is there.

        Done twice with the same content it is ours both times.
        """

    def replace(self, key: str, content: bytes) -> None:
        """Store a small object in the place of what is there."""

    def get(self, key: str) -> bytes:
        """A small object, whole.

        Raises:
            RefusedError: there is none (`no-object`).
            RemoteError: the store failed.
        """

    def read(self, key: str) -> Iterator[bytes]:
        """An object of any size, in chunks; errors as `get`, also on the way."""

    def list(self, prefix: str) -> list[Stored]:
        """The objects whose key begins so, by key."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there are removed already."""

    def describe(self) -> str:
        """Where this is, without credentials."""
