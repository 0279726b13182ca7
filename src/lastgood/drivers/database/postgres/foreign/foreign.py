"""A dump that somebody else made: what it is, and its text, whatever it is packed in."""

from __future__ import annotations

import gzip
import io
import re
import stat
import zlib
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lastgood.drivers.database.postgres.client.child import ClientProgram
from lastgood.drivers.database.postgres.client.private import private_folder
from lastgood.drivers.database.postgres.foreign.permitted import Act, permitted
from lastgood.drivers.database.postgres.foreign.script import (
    Chunks,
    Script,
    damaged,
    no_dump,
    truncated,
)
from lastgood.errors import ChildError, RefusedError
from lastgood.ports.database import ForeignDump
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lastgood.drivers.database.postgres.client.programs import Programs
    from lastgood.process.masking import Masker

PLAIN, GZIP, CUSTOM, TAR, DIRECTORY = "plain", "plain, gzip", "custom", "tar", "directory"
ARCHIVES = frozenset({CUSTOM, TAR, DIRECTORY})
_READ_AHEAD = 1 << 20
_CUSTOM_MAGIC = b"PGDMP"
_TAR_MAGIC, _TAR_AT, _BLOCK = b"ustar", 257, 512
_PACKED = {
    b"\x28\xb5\x2f\xfd": "zstd -d",
    b"\xfd7zXZ": "xz -d",
    b"BZh": "bzip2 -d",
    b"\x04\x22\x4d\x18": "lz4 -d",
    b"PK\x03\x04": "unzip",
}
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_ARCHIVED = {
    "at": re.compile(r"^; Archive created at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE),
    "server": re.compile(r"^;\s+Dumped from database version: (.+)$", re.MULTILINE),
    "program": re.compile(r"^;\s+Dumped by pg_dump version: (.+)$", re.MULTILINE),
}
_STARTED = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:UTC|GMT)")


def examine(path: Path, programs: Programs, private: Path, masker: Masker) -> ForeignDump:
    """Read a dump from its begin to its end, and do nothing.

    Raises:
        RefusedError: it is none, is cut off or damaged, or would do what no dump does.
    """
    kind = recognised(path)
    with script_of(path, kind, programs, private, masker) as script:
        for statement in script:
            if permitted(statement).act is Act.COPY:
                for _ in script.rows():
                    pass
        said = script.said
    listed = _listed(path, programs, private, masker) if kind in ARCHIVES else {}
    changed_at = datetime.fromtimestamp(_main(path).stat().st_mtime, UTC)
    made_at = _time(listed.get("at", said.get("Started on", "")), archived=bool(listed))
    # What the head says is the time of some machine's clock, in a zone that it may not name; what
    # is later than the file cannot be right.
    from_head = made_at is not None and made_at <= changed_at
    return ForeignDump(
        file=harmless(str(path)),
        format=kind,
        bytes=_size(path),
        made_at=made_at if from_head and made_at is not None else changed_at,
        made_at_from="its head, read as UTC" if from_head else "the file's time of change",
        server_version=listed.get("server", said.get("Dumped from database version", "")),
        client_version=listed.get("program", said.get("Dumped by pg_dump version", "")),
        stamp=_stamp(path),
    )


def recognised(path: Path) -> str:
    """The format of a dump.

    Raises:
        RefusedError: there is nothing that could be read (`not-a-dump`, `no-file`).
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            if not (path / "toc.dat").is_file():
                raise no_dump("the folder has no toc.dat, as pg_dump --format=directory writes it")
            return DIRECTORY
        if not stat.S_ISREG(mode):
            raise no_dump("it is neither a file nor a folder", "name the file itself")
        with path.open("rb") as file:
            head = file.read(_BLOCK)
    except OSError as error:
        raise _unreadable(path, error) from error
    return _by_head(path, head)


def _by_head(path: Path, head: bytes) -> str:
    for magic, unpack in _PACKED.items():
        if head.startswith(magic):
            raise no_dump("it is packed in a way that is not read here", f"unpack it: {unpack}")
    if head.startswith(_UTF16):
        raise no_dump(
            "it is in UTF-16, as PowerShell writes what it redirects",
            "dump again with pg_dump --file=FILE",
        )
    if head.startswith(_CUSTOM_MAGIC):
        return CUSTOM
    if head[_TAR_AT : _TAR_AT + len(_TAR_MAGIC)] == _TAR_MAGIC:
        return TAR
    if head.startswith(b"\x1f\x8b"):
        with _gunzipped(path) as file:
            if file.read(len(_CUSTOM_MAGIC)) == _CUSTOM_MAGIC:
                raise no_dump("it is an archive that was packed once more", "unpack it: gzip -d")
        return GZIP
    return PLAIN


@contextmanager
def script_of(
    path: Path, kind: str, programs: Programs, private: Path, masker: Masker
) -> Iterator[Script]:
    """The dump as statements and rows, one after another."""
    try:
        if kind in ARCHIVES:
            with _unarchived(path, kind, programs, private, masker) as file:
                yield Script(file)
        elif kind == GZIP:
            with _gunzipped(path) as file:
                yield Script(file)
        else:
            with path.open("rb", buffering=0) as file:
                yield Script(io.BufferedReader(file, _READ_AHEAD))
    except OSError as error:
        raise _unreadable(path, error) from error


@contextmanager
def _gunzipped(path: Path) -> Iterator[gzip.GzipFile]:
    try:
        with gzip.open(path, "rb") as file:
            yield file
    except EOFError as error:
        raise truncated("the packed file ends in its middle") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise damaged(f"it cannot be unpacked: {error}") from error


@contextmanager
def _unarchived(
    path: Path, kind: str, programs: Programs, private: Path, masker: Masker
) -> Iterator[io.BufferedReader]:
    """What pg_restore makes of an archive; it reaches no server."""
    if kind == TAR:
        _refuse_cut_tar(path)
    argv = [programs.path("pg_restore"), "--file=-", str(path.absolute())]
    with private_folder(private) as folder, _client(argv, folder, masker) as program:
        yield io.BufferedReader(Chunks(_told(program)), _READ_AHEAD)


def _client(argv: list[str], folder: Path, masker: Masker) -> ClientProgram:
    # The time in an archive has no zone; so it is shown as it was written.
    return ClientProgram(argv, {"TZ": "UTC"}, folder, masker)


def _told(program: ClientProgram) -> Iterator[bytes]:
    """Its output; that it failed is known before the output's end is."""
    try:
        yield from program.output()
        program.finish()
    except ChildError as error:
        if "unsupported version" in error.cause:
            raise RefusedError(
                "the dump was made by a newer pg_dump than the pg_restore that is here",
                cause=error.cause,
                mend="install newer client programs, or dump again with these",
                code="client-too-old",
            ) from error
        raise damaged(f"pg_restore cannot read it: {error.cause}") from error


def _listed(path: Path, programs: Programs, private: Path, masker: Masker) -> dict[str, str]:
    """What an archive says of itself."""
    argv = [programs.path("pg_restore"), "--list", str(path.absolute())]
    with private_folder(private) as folder, _client(argv, folder, masker) as program:
        text = b"".join(program.output()).decode(errors="replace")
        program.finish()
    head = text[: _BLOCK * 4]
    found = {key: pattern.search(head) for key, pattern in _ARCHIVED.items()}
    return {key: harmless(match[1]) for key, match in found.items() if match}


def _refuse_cut_tar(path: Path) -> None:
    # pg_restore takes the end of the file for the end of the archive.
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - 2 * _BLOCK))
        if size % _BLOCK or file.read() != bytes(2 * _BLOCK):
            raise truncated("the two empty blocks at a tar file's end are not there")


def _time(text: str, *, archived: bool) -> datetime | None:
    match = re.match(r"(.+)", text) if archived else _STARTED.match(text)
    if match is None:
        return None
    try:
        return datetime.strptime(match[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None


def _main(path: Path) -> Path:
    return path / "toc.dat" if path.is_dir() else path


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(one.stat().st_size for one in path.iterdir() if one.is_file())
    return path.stat().st_size


def _stamp(path: Path) -> str:
    """What changes when the dump does: a second reading must be of the same."""
    found = _main(path).stat()
    return f"{found.st_dev}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}"


def refuse_changed(path: Path, dump: ForeignDump) -> None:
    """Refuse a dump that is not the one that was examined.

    Raises:
        RefusedError: somebody writes to it (`dump-changed`).
    """
    try:
        same = _stamp(path) == dump.stamp
    except OSError as error:
        raise _unreadable(path, error) from error
    if not same:
        raise RefusedError(
            "the dump changed while it was read",
            cause="its size or its time of change is another one",
            mend="wait until it is written, then try again",
            code="dump-changed",
        )


def _unreadable(path: Path, error: OSError) -> RefusedError:
    return RefusedError(
        f"the dump {harmless(str(path))} cannot be read",
        cause=error.strerror or type(error).__name__,
        mend="see that it is there and that we may read it",
        code="no-file",
    )
