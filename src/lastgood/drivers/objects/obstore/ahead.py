"""Pieces that are fetched one ahead, so that who reads them does not wait for each request."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def one_ahead(pieces: Iterable[Callable[[], bytes]]) -> Iterator[bytes]:
    """What each of the calls gives, in their order; the next one runs while one is used.

    A reader that stops early waits for the request that is under way, and for no other.
    """
    with ThreadPoolExecutor(1) as pool:
        coming: Future[bytes] | None = None
        for piece in pieces:
            ready, coming = coming, pool.submit(piece)
            if ready is not None:
                yield ready.result()
        if coming is not None:
            yield coming.result()
