"""The port of the objects family: where backups are kept.

Every method blocks and is called from a worker thread: a backup is one stream from the dump to the
store, and both ends of it are blocking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from datetime import datetime


class Stored(NamedTuple):
    """An object in the listing."""

    key: str
    bytes: int
    at: datetime


class Upload(NamedTuple):
    """An upload that was begun and not finished.

    Attributes:
        id: what the store calls it.
    """

    key: str
    at: datetime
    id: str


class ObjectStore(Protocol):
    """One place for objects; keys are relative to it, with `/` between their parts.

    A part begins with a letter or digit and has letters, digits and `. _ = + -`; any other key is
    refused (`bad-key`). Every method raises RemoteError when the store fails, refuses or does not
    answer; it is retryable where the same call may succeed later.
    """

    def put(self, key: str, chunks: Iterable[bytes]) -> int:
        """Store a stream of any size in bounded memory; gives its size.

        It is for keys that nobody else uses. An exception of the stream passes through; it, a
        failure of the store, or the death of this process leaves no object under the key.
        """

    def put_new(self, key: str, content: bytes) -> bool:
        """Store a small object if there is none under this key; whether it is ours that is there.

        Done twice with the same content it is ours both times. Of several at once that differ,
        one is there.
        """

    def replace(self, key: str, content: bytes) -> None:
        """Store a small object in the place of what is there."""

    def exchange(self, key: str, before: bytes, content: bytes) -> bool:
        """Store a small object in the place of exactly this content; whether ours is there then.

        In one step: what somebody else stored or removed meanwhile stays so. Done twice it is ours
        both times.
        """

    def get(self, key: str) -> bytes:
        """A small object, whole.

        Raises:
            RefusedError: there is none (`no-object`).
        """

    def read(self, key: str) -> Generator[bytes, None, None]:
        """An object of any size, in chunks; errors as `get`, also on the way.

        One that is replaced meanwhile is an error, never a mixture. Who stops early closes it.
        """

    def list(self, folder: str) -> list[Stored]:
        """The objects below a folder, at any depth, by key; an empty name means all.

        What has no name that could be a key is left out. One that is not there has no objects.
        """

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there are removed already."""

    def uploads(self, folder: str) -> Sequence[Upload]:
        """Uploads below a folder that were begun and not finished, by key; also those under way.

        None where a store keeps none, or cannot be asked for them from here.
        """

    def end_uploads(self, uploads: Iterable[Upload]) -> None:
        """End unfinished uploads, with what arrived of them; those that ended are ended already."""

    def describe(self) -> str:
        """Where this is, without credentials."""
