"""The head of an archive: its table of contents, read ahead of the stream that goes on behind it.

A dump in the custom format begins with the list of all that is in it, definitions with their SQL.
What comes after the rows (indexes, constraints, triggers) has no data of its own, so the head alone
is enough to restore it, by several processes at once. It is kept in memory: a decrypted backup is
written to no file that has a name.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST = 64 * 1024
LARGEST = 32 * 1024 * 1024
"""Bytes; ten thousand tables with two indexes each take about half of it."""
_PIECE = 256 * 1024
_ENTRY = re.compile(rb"([0-9]+); [0-9]+ [0-9]+ (.*)")


class Contents(NamedTuple):
    """What an archive lists.

    Attributes:
        tables: how many have rows to be loaded.
        later: what is made when all rows are there, in its order, as pg_restore takes a list.
    """

    tables: int
    later: list[bytes]

    @classmethod
    def of(cls, everything: bytes, after_the_rows: bytes) -> Contents:
        """From two lists of pg_restore: of the whole, and of the section `post-data`.

        Rights belong to the second half as well, though pg_restore counts those of a table to the
        first: an owner may have taken from itself what it needs to make a foreign key.
        """
        later = {entry[0] for entry in _entries(after_the_rows)}
        found = list(_entries(everything))
        return cls(
            sum(what.startswith(b"TABLE DATA ") for _, what in found),
            [number for number, what in found if number in later or what.startswith(b"ACL ")],
        )


def _entries(listed: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in listed.splitlines():
        if match := _ENTRY.fullmatch(line):
            yield match[1], match[2]


class Memory:
    """A file in memory, without a name; children read it by the descriptor that they inherit."""

    def __init__(self, content: bytes = b"") -> None:
        self.descriptor = os.memfd_create("lastgood")
        self.size = 0
        self.add(content)

    @property
    def path(self) -> str:
        """What a child opens that inherited the descriptor: each time from the begin."""
        return f"/proc/self/fd/{self.descriptor}"

    def add(self, content: bytes) -> None:
        """Write at its end."""
        left = memoryview(content)
        while left:
            written = os.pwrite(self.descriptor, left, self.size)
            self.size += written
            left = left[written:]

    def pieces(self) -> Iterator[bytes]:
        """All of it, in chunks."""
        for start in range(0, self.size, _PIECE):
            yield os.pread(self.descriptor, _PIECE, start)

    def close(self) -> None:
        """Free the memory, as soon as no child has it open."""
        os.close(self.descriptor)


def memory_has_files() -> bool:
    """Whether there are files in memory that a child can open: on Linux, with /proc."""
    return hasattr(os, "memfd_create") and os.path.exists("/proc/self/fd")  # noqa: PTH110 - one look


class Head(NamedTuple):
    """The begin of an archive with all of its table of contents."""

    memory: Memory
    contents: Contents


@contextmanager
def read_ahead(
    chunks: Iterator[bytes], look: Callable[[Memory], Contents | None]
) -> Iterator[tuple[Head | None, Iterator[bytes]]]:
    """Read until the table of contents is whole; gives it, and the stream from its begin.

    There is no head when it is too long, or when this is no archive: whoever reads the stream says
    so better than we could.

    Args:
        chunks: the stream.
        look: gives the contents, once they are whole.
    """
    memory = Memory()
    try:
        contents, enough = None, FIRST
        for chunk in chunks:
            memory.add(chunk)
            if memory.size >= enough:
                contents = look(memory)
                enough = 2 * memory.size
                if contents is not None or memory.size > LARGEST:
                    break
        else:
            contents = look(memory)
        head = Head(memory, contents) if contents is not None else None
        yield head, _behind(memory, chunks)
    finally:
        memory.close()


def _behind(memory: Memory, chunks: Iterator[bytes]) -> Iterator[bytes]:
    yield from memory.pieces()
    yield from chunks
