"""The clear beginning of a sealed stream: `LGBK1`, a length, canonical JSON.

Its SHA-256 is the associated data of the encryption that follows, so that a stream cannot be passed
off as another backup's, nor as another part of its own.
"""

from __future__ import annotations

import hashlib
from typing import Protocol

from lastgood.errors import RefusedError
from lastgood.model.noun import from_json, to_json
from lastgood.model.sealed import SealedHeader

MAGIC = b"LGBK1"
LENGTH_BYTES = 4
LONGEST = 64 * 1024


class Readable(Protocol):
    """Where a sealed stream is read from."""

    def read(self, count: int, /) -> bytes | None:
        """At most so many bytes; none at the end."""


class Writable(Protocol):
    """Where a sealed stream is written to."""

    def write(self, data: bytes, /) -> int | None:
        """All of the bytes."""


def write_header(header: SealedHeader, into: Writable) -> bytes:
    """Write the header; gives its SHA-256.

    Raises:
        RefusedError: it is longer than what is read back (`long-header`).
    """
    text = to_json(header).encode()
    if len(text) > LONGEST:
        raise RefusedError(
            "the backup cannot say what it is",
            cause=f"its header would be {len(text)} bytes long, at most {LONGEST} are read back",
            mend="give the database and the environment shorter names",
            code="long-header",
        )
    into.write(MAGIC + len(text).to_bytes(LENGTH_BYTES, "big") + text)
    return hashlib.sha256(text).digest()


def read_header(source: Readable) -> tuple[SealedHeader, bytes]:
    """Read the header and its SHA-256; the source stands at the encryption's first byte then.

    Raises:
        RefusedError: it is not one of ours (`not-sealed`).
    """
    magic = read_exactly(source, len(MAGIC))
    if magic != MAGIC:
        raise not_sealed(f"it begins with {magic!r}, not with {MAGIC!r}")
    length = int.from_bytes(read_exactly(source, LENGTH_BYTES), "big")
    if length > LONGEST:
        raise not_sealed(f"its header would be {length} bytes long")
    text = read_exactly(source, length)
    try:
        header = from_json(text, SealedHeader)
    except (ValueError, RecursionError) as error:
        raise not_sealed(str(error)) from error
    return header, hashlib.sha256(text).digest()


def read_exactly(source: Readable, count: int) -> bytes:
    """So many bytes.

    Raises:
        RefusedError: there are fewer (`not-sealed`).
    """
    found = bytearray()
    while len(found) < count:
        part = source.read(count - len(found))
        if not part:
            raise not_sealed(f"it ends after {len(found)} of {count} bytes of its beginning")
        found += part
    return bytes(found)


def not_sealed(cause: str) -> RefusedError:
    """What was read is not a sealed stream."""
    return RefusedError(
        "this is not a backup of lastgood, or its beginning is damaged",
        cause=cause,
        mend="take another backup: lastgood backup list",
        code="not-sealed",
    )
