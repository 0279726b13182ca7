"""Objects in a store that is reached over the network, by obstore."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

from lastgood.drivers.objects.obstore.ahead import one_ahead
from lastgood.drivers.objects.obstore.failure import is_bucket_missing, not_made, told
from lastgood.drivers.objects.obstore.keys import is_key, name_of
from lastgood.drivers.objects.obstore.local import no_object
from lastgood.drivers.objects.obstore.opening import opened
from lastgood.drivers.objects.obstore.source import Source
from lastgood.drivers.objects.obstore.uploads import Uploads, can_be_listed
from lastgood.errors import RemoteError
from lastgood.ports.objects import Stored, Upload

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from obstore import ObjectMeta

    from lastgood.drivers.objects.obstore.options import ObstoreOptions

MEBIBYTE = 1 << 20
# Each piece is a request of its own with its own time limit: the whole may take hours.
PIECE = 8 * MEBIBYTE
PARALLEL = 2
# What S3 deletes by one request.
MOST_DELETED = 1000
# Another writer under the same key was refused at the same moment and left nothing: look again.
LOOKS = 3


class RemoteObjects:
    """One folder of a bucket.

    Raises:
        RefusedError: it cannot be used as it is configured (`store-options`).
    """

    def __init__(self, options: ObstoreOptions) -> None:
        self._options = options
        self._part = options.part * MEBIBYTE
        self._uploads = Uploads(options, self.describe())
        try:
            self._store = opened(options)
        except (BaseError, ValueError, OSError) as error:
            raise not_made(error, options.url, options.secrets) from None

    def put(self, key: str, chunks: Iterable[bytes]) -> int:
        """Store a stream; see the port."""
        name = name_of(key)
        source = Source(chunks)
        try:
            with self._told("storing an object", source):
                self._upload(name, source)
        except RemoteError:
            # When the last answer is lost, all of it may be there: nobody else uses this key.
            if not source.ended or self._size(name) != source.size:
                raise
        else:
            stored = self._size(name)
            if stored != source.size:
                raise self._short(key, stored, source.size)
        return source.size

    def _upload(self, name: str, source: Source) -> None:
        obstore.put(
            self._store,
            name,
            iter(source),
            use_multipart=True,
            chunk_size=self._part,
            max_concurrency=PARALLEL,
        )

    def _size(self, name: str) -> int | None:
        with suppress(FileNotFoundError), self._told("looking at an object"):
            return obstore.head(self._store, name)["size"]
        return None

    def put_new(self, key: str, content: bytes) -> bool:
        """Store a small object if there is none; see the port."""
        name = name_of(key)
        for _ in range(LOOKS):
            try:
                with self._told("storing an object"):
                    obstore.put(self._store, name, content, mode="create", use_multipart=False)
            except AlreadyExistsError:
                found = self._found(name)
                if found is not None:
                    return found == content
            else:
                return True
        raise RemoteError(
            f"storing {key} in {self.describe()} failed",
            cause="the store says that it is there, and that it is not there",
            mend="do it again; see that nobody else writes there",
            code="store-failed",
            retryable=True,
        )

    def _found(self, name: str) -> bytes | None:
        with suppress(FileNotFoundError), self._told("reading an object"):
            return bytes(obstore.get(self._store, name).bytes())
        return None

    def replace(self, key: str, content: bytes) -> None:
        """Store a small object in the place of what is there."""
        with self._told("storing an object"):
            obstore.put(self._store, name_of(key), content, use_multipart=False)

    def exchange(self, key: str, before: bytes, content: bytes) -> bool:
        """Store a small object in the place of exactly this content; see the port."""
        name = name_of(key)
        with suppress(FileNotFoundError), self._told("reading an object"):
            found = obstore.get(self._store, name)
            there, about = bytes(found.bytes()), found.meta
            if there != before:
                return there == content
            return self._exchanged(name, about, content)
        return False

    def _exchanged(self, name: str, about: ObjectMeta, content: bytes) -> bool:
        version: Any = {key: about[key] for key in ("e_tag", "version") if about[key]}
        try:
            with self._told("storing an object"):
                try:
                    obstore.put(self._store, name, content, mode=version, use_multipart=False)
                except PreconditionError:  # another one's, or ours: an answer may have been lost
                    return self._found(name) == content
        except AlreadyExistsError:  # somebody else is writing at this moment
            return False
        return True

    def get(self, key: str) -> bytes:
        """A small object, whole."""
        found = self._found(name_of(key))
        if found is None:
            raise no_object(key, self.describe())
        return found

    def read(self, key: str) -> Generator[bytes, None, None]:
        """An object in chunks; see the port."""
        name = name_of(key)
        with self._reading(key):
            try:
                about = obstore.head(self._store, name)
            except FileNotFoundError:  # an answer to this question cannot say what is missing
                obstore.get(self._store, name)
                raise
        size, version = about["size"], about["e_tag"]
        yield from one_ahead(
            partial(self._piece, key, (begin, min(begin + PIECE, size)), version)
            for begin in range(0, size, PIECE)
        )

    def _piece(self, key: str, span: tuple[int, int], version: str | None) -> bytes:
        options: Any = {"range": span} | ({"if_match": version} if version else {})
        with self._reading(key):
            return bytes(obstore.get(self._store, key, options=options).bytes())

    def list(self, folder: str) -> list[Stored]:
        """The objects below a folder; see the port."""
        below = name_of(folder) if folder else None
        with self._told("listing objects"):
            found = [
                Stored(one["path"], one["size"], one["last_modified"])
                for page in obstore.list(self._store, below)
                for one in page
                if is_key(one["path"])
            ]
        return sorted(found)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects."""
        names = [name_of(key) for key in keys]
        for begin in range(0, len(names), MOST_DELETED):
            batch = names[begin : begin + MOST_DELETED]
            with self._told("deleting objects"):
                self._deleted(batch)

    def _deleted(self, batch: Sequence[str]) -> None:
        try:
            obstore.delete(self._store, batch)
        except FileNotFoundError as error:
            if is_bucket_missing(error) or len(batch) == 1:
                return
            for name in batch:  # some stores say so, and leave the others
                self._deleted([name])

    def uploads(self, folder: str) -> Sequence[Upload]:
        """Uploads that were begun and not finished; see the port."""
        return self._uploads.all(folder) if can_be_listed(self._options) else ()

    def end_uploads(self, uploads: Iterable[Upload]) -> None:
        """End unfinished uploads; see the port."""
        self._uploads.end(uploads)

    def describe(self) -> str:
        """Where this is, without credentials."""
        at = f" at {self._options.endpoint}" if self._options.endpoint else ""
        return f"{self._options.url}{at}"

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            with self._told("reading an object"):
                yield
        except FileNotFoundError as error:
            raise no_object(key, self.describe()) from error

    @contextmanager
    def _told(self, what: str, source: Source | None = None) -> Iterator[None]:
        try:
            yield
        except AlreadyExistsError:
            raise
        except (BaseError, FileNotFoundError, ValueError, OSError) as error:
            if source is not None and error is source.failure:
                raise  # the dump failed, not the store
            absent = source is None and isinstance(error, FileNotFoundError)
            if absent and not is_bucket_missing(error):
                raise
            raise told(error, what, self.describe(), self._options.secrets) from None

    def _short(self, key: str, stored: int | None, given: int) -> RemoteError:
        return RemoteError(
            f"{key} in {self.describe()} is not what was stored",
            cause=f"{given} bytes were given, {stored or 0} are there",
            mend="do it again; see that nobody else writes there",
            code="store-failed",
            retryable=True,
        )
