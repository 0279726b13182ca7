from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastgood.backup.header import LONGEST, MAGIC, read_header, write_header
from lastgood.errors import RefusedError
from lastgood.model.noun import to_json
from lastgood.model.sealed import SealedHeader

HEADER = SealedHeader(
    backup="20260801T120000.000Z-0a1b2c3d",
    part="dump",
    made_at=datetime(2026, 8, 1, 12, tzinfo=UTC),
    server_version="16.14",
    client_version="16.14",
    compression="none",
    key_id="k1",
)


class Trickle(io.RawIOBase):
    """Gives a byte at a time, as a slow connection does."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._content.read(min(size, 1))


def written(header: SealedHeader = HEADER) -> bytes:
    into = io.BytesIO()
    write_header(header, into)
    return into.getvalue()


def digest_of(content: bytes) -> bytes | str:
    """The header's digest, or the code of the refusal."""
    try:
        return read_header(io.BytesIO(content))[1]
    except RefusedError as error:
        return error.code


def refusal(content: bytes) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        read_header(io.BytesIO(content))
    assert caught.value.code == "not-sealed"
    assert caught.value.cause
    assert "backup list" in caught.value.mend
    return caught.value


words = st.text(max_size=40)


@given(
    st.builds(
        SealedHeader,
        backup=words,
        part=words,
        made_at=st.datetimes(timezones=st.just(UTC)),
        server_version=words,
        client_version=words,
        compression=words,
        key_id=words,
    )
)
def test_a_header_comes_back_with_its_digest(header: SealedHeader) -> None:
    into = io.BytesIO()
    digest = write_header(header, into)
    assert read_header(io.BytesIO(into.getvalue() + b"more")) == (header, digest)
    assert digest == hashlib.sha256(to_json(header).encode()).digest()


def test_the_source_stands_behind_the_header_then() -> None:
    source = io.BytesIO(written() + b"encrypted")
    read_header(source)
    assert source.read() == b"encrypted"


def test_a_source_that_gives_little_at_a_time_is_enough() -> None:
    assert read_header(Trickle(written()))[0] == HEADER


def test_each_cut_is_refused() -> None:
    whole = written()
    for length in range(len(whole)):
        refusal(whole[:length])


def test_each_flipped_bit_is_refused_or_changes_the_digest() -> None:
    whole = written()
    digest = read_header(io.BytesIO(whole))[1]
    for place in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            assert digest_of(bytes(changed)) != digest


@given(st.binary(max_size=200))
def test_garbage_is_refused(garbage: bytes) -> None:
    refusal(garbage)


@given(st.binary(max_size=200))
def test_garbage_behind_our_magic_is_refused(garbage: bytes) -> None:
    refusal(MAGIC + len(garbage).to_bytes(4, "big") + garbage)


def test_a_header_nested_without_end_is_refused() -> None:
    nested = b'{"a":' + b"[" * 50_000
    refusal(MAGIC + len(nested).to_bytes(4, "big") + nested)


def test_a_length_that_would_fill_the_memory_is_refused_before_it_is_read() -> None:
    source = io.BytesIO(MAGIC + b"\xff\xff\xff\xff" + b"x" * 100)
    with pytest.raises(RefusedError):
        read_header(source)
    assert source.tell() == len(MAGIC) + 4


def test_what_could_not_be_read_is_not_written() -> None:
    long = SealedHeader(
        backup="b" * LONGEST,
        part="dump",
        made_at=HEADER.made_at,
        server_version="",
        client_version="",
        compression="",
        key_id="",
    )
    into = io.BytesIO()
    with pytest.raises(RefusedError) as caught:
        write_header(long, into)
    assert caught.value.code == "long-header"
    assert not into.getvalue()


def test_a_newer_versions_field_is_no_hindrance() -> None:
    text = to_json(HEADER)[:-1].encode() + b',"new":1}'
    header, digest = read_header(io.BytesIO(MAGIC + len(text).to_bytes(4, "big") + text))
    assert header == HEADER
    assert digest == hashlib.sha256(text).digest()
