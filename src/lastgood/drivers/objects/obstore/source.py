"""A stream on its way into a store: counted, and its own failures told apart from the store's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Source:
    """An iterable of chunks.

    Attributes:
        size: how many bytes were taken.
        failure: what the stream itself raised.
        ended: whether all of it was taken.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.size = 0
        self.failure: BaseException | None = None
        self.ended = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._chunks:
                self.size += len(chunk)
                if chunk:
                    yield chunk
        except BaseException as failure:
            self.failure = failure
            raise
        self.ended = True
