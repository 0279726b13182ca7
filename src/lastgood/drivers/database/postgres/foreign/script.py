"""A plain dump, read piece by piece: its statements and, between them, its blocks of rows.

It is read here and not by psql, which takes orders from what it reads: to run a program, to write a
file, to connect elsewhere. Where a statement ends is decided as psql's own scanner decides it.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, NamedTuple

from lastgood.errors import RefusedError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    import gzip
    from collections.abc import Iterator

HEAD = b"-- PostgreSQL database dump"
CLUSTER = b"-- PostgreSQL database cluster dump"
TRAILER = b"-- PostgreSQL database dump complete"
# What the server takes as one statement at most.
LONGEST = 1 << 30
PIECE = 1 << 18
# A literal without anything special in it is passed over as a whole.
_LITERAL = rb"'[^'\\\n]*+'"
_INSIDE = rb"0-9A-Za-z_$\x80-\xff"
_SPECIAL = (
    rb"--[^\n]*|/\*|(?<![" + _INSIDE + rb"])[Ee]'|" + _LITERAL + rb"|['\"();\\]"
    rb"|(?<![" + _INSIDE + rb"])\$(?:[A-Za-z_\x80-\xff][0-9A-Za-z_\x80-\xff]*)?\$"
)
_TOKEN = re.compile(_SPECIAL)
_TOKEN_OR_WORD = re.compile(_SPECIAL + rb"|[A-Za-z_\x80-\xff][" + _INSIDE + rb"]*")
_ESCAPED = re.compile(rb"\\.|''|'", re.DOTALL)
_NESTED = re.compile(rb"/\*|\*/")
# Written since 2025 so that psql takes no orders between them; here nobody does.
_FENCE = re.compile(rb"\\(?:un)?restrict [0-9A-Za-z]+\s*")
_STRINGS = re.compile(rb"\s*SET standard_conforming_strings = (on|off)")
_ENCODING = re.compile(rb"\s*SET client_encoding = '([^']*)'")
# The second byte of a character may be a quote or a backslash there.
_UNSAFE = frozenset({b"SJIS", b"BIG5", b"GBK", b"UHC", b"GB18030", b"JOHAB", b"SHIFT_JIS_2004"})
_SAID = re.compile(rb"-- (Dumped from database version|Dumped by pg_dump version|Started on) (.*)")
_BODY = re.compile(rb"CREATE (?:OR REPLACE )?(?:FUNCTION|PROCEDURE) ")
_END_OF_ROWS = (b"\\.\n", b"\\.\r\n", b"\\.")


class Statement(NamedTuple):
    """One statement, without its semicolon, and the line that it begins in."""

    text: bytes
    line: int


class Script:
    """The pieces of a plain dump; damage is an error where it is met.

    Attributes:
        said: what its head says: of which server it is, by which program, when it began.
    """

    def __init__(self, file: io.BufferedReader | gzip.GzipFile) -> None:
        self._file = file
        self._line = 0
        self._begun = False
        self._again = False
        self._complete = False
        self._escapes = False
        self.said: dict[str, str] = {}

    def __iter__(self) -> Iterator[Statement]:
        """Its statements; behind a COPY the caller reads `rows` first.

        Raises:
            RefusedError: it is no dump (`not-a-dump`), takes up psql (`meta-command`), is cut off
                (`dump-truncated`), or goes on after its end (`dump-damaged`).
        """
        scan, begins = _Scan(b"", escapes=self._escapes), 0
        text = bytearray()
        while line := self._file.readline(LONGEST):
            self._line += 1
            rest = line
            while rest:
                if not text:
                    rest = self._between(rest)
                    scan, begins = _Scan(rest, escapes=self._escapes), self._line
                    if not rest:
                        break
                end = scan.end_of(rest, self._line)
                text += rest[:end]
                rest = rest[end:]
                if scan.done:
                    yield self._noted(Statement(bytes(text[:-1]), begins))
                    text.clear()
            if len(text) >= LONGEST:
                raise damaged(f"the statement in line {begins} has no end within 1 GiB")
        if text or not self._complete:
            raise truncated(
                f"line {self._line} is its last one"
                if self._line
                else "the file is empty: the dump program wrote nothing"
            )

    def rows(self) -> Iterator[bytes]:
        """The rows behind a COPY, in pieces, up to their end.

        Raises:
            RefusedError: it is cut off within them (`dump-truncated`).
        """
        whole, begins = True, self._line
        while piece := self._file.peek(PIECE):
            if whole and b"\\.".startswith(piece[:2]):
                line = self._file.readline(PIECE)
                if line in _END_OF_ROWS:
                    self._line += 1
                    return
            else:
                line = self._file.read(_rows_in(piece))
            whole = line.endswith(b"\n")
            self._line += line.count(b"\n")
            yield line
        raise truncated(f"it ends within the rows that begin in line {begins}")

    def _between(self, rest: bytes) -> bytes:
        """What stands between statements is for people, but for a few words; gives what is left."""
        rest = rest.lstrip()
        if self._line == 1:
            rest = rest.removeprefix(b"\xef\xbb\xbf")
        if rest.startswith(b"--"):
            self._comment(rest.rstrip())
            return b""
        if _FENCE.fullmatch(rest):
            return b""
        if rest and not self._begun:
            raise no_dump("it does not begin as pg_dump begins")
        if rest and (self._complete or self._again):
            raise damaged(f"another dump follows it, before line {self._line}")
        if rest.startswith(b"\\") and not rest.endswith(b"\n"):
            raise truncated(f"it ends within line {self._line}")
        return rest

    def _comment(self, line: bytes) -> None:
        if line == CLUSTER:
            raise no_dump(
                "it is of a whole server, by pg_dumpall",
                "dump the one database: pg_dump --format=custom",
            )
        if line == HEAD:
            self._again = self._begun
            self._begun = True
        elif line == TRAILER:
            self._complete = True
        elif match := _SAID.fullmatch(line):
            self.said.setdefault(match[1].decode(), harmless(match[2].decode(errors="replace")))

    def _noted(self, statement: Statement) -> Statement:
        """Heed what changes how the rest is read."""
        if match := _STRINGS.match(statement.text):
            self._escapes = match[1] == b"off"
        elif (match := _ENCODING.match(statement.text)) and match[1].upper() in _UNSAFE:
            raise RefusedError(
                f"the dump is written in {match[1].decode()}, which is not read here",
                cause="half of a character may look like a quote in it",
                mend="dump again with --encoding=UTF8",
                code="dump-encoding",
            )
        return statement


def _rows_in(piece: bytes) -> int:
    """How much of a piece is rows: up to what may be their end, else whole lines, else all."""
    end = piece.find(b"\n\\.")
    if end < 0:
        end = piece.rfind(b"\n")
    return end + 1 or len(piece)


class _Scan:
    """Finds where one statement ends, over as many lines as it has."""

    def __init__(self, first: bytes, *, escapes: bool) -> None:
        self._escapes = escapes
        # The body of a function in SQL is written out, with semicolons in it.
        self._tokens = _TOKEN_OR_WORD if _BODY.match(first) else _TOKEN
        self._quote = b""
        self._comments = 0
        self._brackets = 0
        self._blocks = 0
        self.done = False

    def end_of(self, line: bytes, number: int) -> int:
        """Where it ends in this line, else the line's length."""
        at = 0
        while at < len(line):
            if self._quote:
                at = self._after_quote(line, at)
            elif self._comments:
                at = self._after_comment(line, at)
            else:
                match = self._tokens.search(line, at)
                if match is None:
                    break
                at = match.end()
                if self._ended_by(match[0], line, match.start(), number):
                    self.done = True
                    return at
        return len(line)

    def _ended_by(self, token: bytes, line: bytes, at: int, number: int) -> bool:
        """Take a token that is in no quote; whether the statement ends with it."""
        if token == b";":
            return not self._brackets and not self._blocks
        if token == b"\\":
            raise _order(line[at:], number)
        if token in {b"(", b")"}:
            self._brackets = max(0, self._brackets + (1 if token == b"(" else -1))
        elif token == b"/*":
            self._comments = 1
        elif token in {b"'", b'"'}:
            self._quote = b"E'" if token == b"'" and self._escapes else token
        elif token[:1] == b"$":
            self._quote = token
        elif token in {b"E'", b"e'"}:
            self._quote = b"E'"
        elif token[:1] not in {b"'", b"-"} and not self._brackets:
            self._word(token.lower())
        return False

    def _word(self, word: bytes) -> None:
        if word == b"begin" or (word == b"case" and self._blocks):
            self._blocks += 1
        elif word == b"end" and self._blocks:
            self._blocks -= 1

    def _after_quote(self, line: bytes, at: int) -> int:
        if self._quote == b"E'":
            for match in _ESCAPED.finditer(line, at):
                if match[0] == b"'":
                    self._quote = b""
                    return match.end()
            return len(line)
        found = line.find(self._quote, at)
        if found < 0:
            return len(line)
        # A doubled one ends it and begins it again at once.
        end = found + len(self._quote)
        self._quote = b""
        return end

    def _after_comment(self, line: bytes, at: int) -> int:
        match = _NESTED.search(line, at)
        if match is None:
            return len(line)
        self._comments += 1 if match[0] == b"/*" else -1
        return match.end()


class Chunks(io.RawIOBase):
    """Chunks of bytes as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is for nothing else."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # any buffer
        """Fill as much as one chunk has."""
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


def no_dump(cause: str, mend: str = "") -> RefusedError:
    """It is something else."""
    return RefusedError(
        "this is no dump of a PostgreSQL database",
        cause=cause,
        mend=mend or "make one: pg_dump --format=custom --file=FILE",
        code="not-a-dump",
    )


def truncated(cause: str) -> RefusedError:
    """It is cut off: what is there is worth nothing."""
    return RefusedError(
        "the dump is cut off",
        cause=f"{cause}; its end, which pg_dump writes last, is missing",
        mend="take another dump; a disk may have been full, or a pipe broken, when it was made",
        code="dump-truncated",
    )


def damaged(cause: str) -> RefusedError:
    """It is not as it was written."""
    return RefusedError(
        "the dump is damaged",
        cause=cause,
        mend="take another dump, or copy this one again and compare the sums",
        code="dump-damaged",
    )


def _order(text: bytes, number: int) -> RefusedError:
    word = harmless(text.split(None, 1)[0].decode(errors="replace"))[:40]
    mend = "see who wrote it: pg_dump does not. Nothing of it was carried out"
    if word in {"\\connect", "\\c"}:
        mend = "dump again without --create: a side database has a name of its own"
    return RefusedError(
        f"the dump gives psql an order in line {number}: {word}",
        cause="such orders run programs, write files, and connect elsewhere",
        mend=mend,
        code="meta-command",
    )
