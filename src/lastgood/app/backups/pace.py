"""A stream that is held back to so many bytes a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def paced(
    chunks: Iterable[bytes],
    rate: float | None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[bytes]:
    """The same bytes, at most so many in a second: a token bucket that holds one second's worth.

    Whoever waited for the stream gets no more than that at once afterwards. Pieces are never larger
    than the bucket, so no pause is longer than a second.

    Args:
        chunks: the stream.
        rate: bytes per second; None holds nothing back.
        clock: seconds that only grow.
        sleep: waits so many seconds.
    """
    if rate is None:
        yield from chunks
        return
    free, filled_at, largest = rate, clock(), max(1, int(rate))
    for chunk in chunks:
        for start in range(0, len(chunk), largest):
            piece = chunk[start : start + largest]
            at = clock()
            free, filled_at = min(rate, free + (at - filled_at) * rate), at
            if free < len(piece):
                sleep((len(piece) - free) / rate)
            yield piece
            free -= len(piece)
