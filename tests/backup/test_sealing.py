from __future__ import annotations

import hashlib
import io
import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.measuring import peak

from lastgood.backup.header import read_header
from lastgood.backup.sealing import SEGMENT, new_key, seal, unseal
from lastgood.errors import RefusedError, RemoteError
from lastgood.model.sealed import SealedHeader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KEY = bytes(range(32))
# What Tink puts before the first segment: its length, a salt as long as the key, a nonce prefix.
STREAM_HEADER = 1 + 32 + 7
TAG = 16
FIRST = SEGMENT - STREAM_HEADER - TAG
OTHER = SEGMENT - TAG


def header(backup: str = "20260801T120000.000Z-0a1b2c3d", part: str = "dump") -> SealedHeader:
    return SealedHeader(
        backup=backup,
        part=part,
        made_at=datetime(2026, 8, 1, 12, tzinfo=UTC),
        server_version="16.14",
        client_version="16.14",
        compression="none",
        key_id="k1",
    )


def pattern(size: int) -> bytes:
    """Bytes in which every segment differs from every other."""
    return hashlib.shake_128(b"pattern").digest(size)


def cut(content: bytes, size: int) -> Iterator[bytes]:
    for begin in range(0, len(content), size):
        yield content[begin : begin + size]


def sealed(content: bytes, key: bytes = KEY, about: SealedHeader | None = None) -> bytes:
    return b"".join(seal([content], key, about or header()))


def opened(chunks: Iterable[bytes], key: bytes = KEY) -> bytes:
    return b"".join(unseal(chunks, key)[1])


def begin_of(stream: bytes) -> int:
    """Where the encryption begins."""
    return 5 + 4 + int.from_bytes(stream[5:9], "big")


def assert_refused(stream: bytes, key: bytes = KEY, *, plain: bytes = b"") -> None:
    """It is refused, and whatever came out before was a beginning of the truth."""
    came: list[bytes] = []
    with pytest.raises(RefusedError) as caught:
        came.extend(unseal([stream], key)[1])
    got = b"".join(came)
    assert caught.value.code in {"not-sealed", "damaged"}
    assert caught.value.mend
    assert plain.startswith(got)
    assert not got or got != plain


@pytest.fixture(scope="module")
def content() -> bytes:
    """Two full segments and a short one."""
    return pattern(FIRST + OTHER + 1000)


@pytest.fixture(scope="module")
def stream(content: bytes) -> bytes:
    return sealed(content)


borders = st.one_of(
    st.integers(0, 3),
    *(st.integers(border - 2, border + 2) for border in (FIRST, SEGMENT, FIRST + OTHER)),
)


@settings(max_examples=40)
@given(size=borders, given_in=st.integers(1 << 10, 3 << 20), taken_in=st.integers(1, 3 << 20))
def test_what_is_sealed_opens(size: int, given_in: int, taken_in: int) -> None:
    whole = pattern(size)
    made = b"".join(seal(cut(whole, given_in), KEY, header()))
    # A chunk of a few bytes is tried on the beginning only: a million of them teach nothing more.
    pieces = itertools.chain(cut(made[:2000], taken_in), cut(made[2000:], max(taken_in, 4096)))
    about, plain = unseal(pieces, KEY)
    assert about == header()
    assert b"".join(plain) == whole


def test_empty_chunks_end_nothing(content: bytes) -> None:
    gappy = itertools.chain.from_iterable((b"", chunk, b"") for chunk in cut(content, 700_000))
    made = list(seal(gappy, KEY, header()))
    gappy = itertools.chain.from_iterable((b"", chunk, b"") for chunk in made)
    assert opened(gappy) == content


def test_the_same_content_is_never_sealed_the_same() -> None:
    assert sealed(b"content") != sealed(b"content")


def test_a_key_is_of_the_length_and_never_the_same() -> None:
    assert len(new_key()) == 32
    assert new_key() != new_key()


def test_each_kind_of_cut_is_found(content: bytes, stream: bytes) -> None:
    begin = begin_of(stream)
    places = {
        0, 1, 5, 9, begin - 1, begin, begin + 1, begin + STREAM_HEADER - 1, begin + STREAM_HEADER,
        begin + STREAM_HEADER + 1, begin + STREAM_HEADER + TAG,
        begin + SEGMENT - 1, begin + SEGMENT, begin + SEGMENT + 1,
        begin + 2 * SEGMENT - TAG, begin + 2 * SEGMENT, begin + 2 * SEGMENT + 1,
        len(stream) - TAG - 1, len(stream) - TAG, len(stream) - 1,
    }  # fmt: skip
    for place in sorted(places):
        assert_refused(stream[:place], plain=content)


def test_a_cut_at_a_border_of_segments_is_found() -> None:
    """Where a reader that knows no last segment would see a clean end."""
    whole = pattern(FIRST + OTHER)
    made = sealed(whole)
    assert len(made) == begin_of(made) + 2 * SEGMENT
    assert_refused(made[:-SEGMENT], plain=whole)


def test_what_was_appended_is_found(content: bytes, stream: bytes) -> None:
    for more in (b"\0", b"x" * TAG, bytes(SEGMENT), stream, stream[begin_of(stream) :]):
        assert_refused(stream + more, plain=content)


def test_a_flipped_bit_is_found_in_every_region(content: bytes, stream: bytes) -> None:
    begin = begin_of(stream)
    places = {
        "magic": 2,
        "length": 8,
        "header": 20,
        "stream's length": begin,
        "salt": begin + 5,
        "nonce prefix": begin + 1 + 32 + 3,
        "first segment": begin + STREAM_HEADER + 100,
        "first tag": begin + SEGMENT - 1,
        "second segment": begin + SEGMENT + 7,
        "second tag": begin + 2 * SEGMENT - TAG,
        "last segment": begin + 2 * SEGMENT + 1,
        "last tag": len(stream) - 1,
    }
    for place in places.values():
        for bit in (0, 7):
            changed = bytearray(stream)
            changed[place] ^= 1 << bit
            assert_refused(bytes(changed), plain=content)


@settings(max_examples=60)
@given(place=st.integers(0, 2000), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(place: int, bit: int) -> None:
    whole = pattern(1500)
    made = bytearray(sealed(whole))
    made[place % len(made)] ^= 1 << bit
    assert_refused(bytes(made), plain=whole)


def test_segments_in_another_order_are_found(stream: bytes, content: bytes) -> None:
    begin = begin_of(stream)
    head, body = stream[:begin], stream[begin:]
    first, second, last = body[:SEGMENT], body[SEGMENT : 2 * SEGMENT], body[2 * SEGMENT :]
    for order in ((second, first, last), (first, last, second), (first, first, last),
                  (first, last), (second, last), (first, second, second, last)):  # fmt: skip
        assert_refused(head + b"".join(order), plain=content)


def test_segments_of_another_stream_are_found(content: bytes, stream: bytes) -> None:
    other = sealed(content)
    begin = begin_of(stream)
    assert_refused(stream[: begin + SEGMENT] + other[begin + SEGMENT :], plain=content)


def test_another_key_does_not_open_it(stream: bytes, content: bytes) -> None:
    assert_refused(stream, new_key(), plain=content)


@pytest.mark.parametrize("other", [header(backup="another"), header(part="roles")])
def test_another_backups_header_does_not_fit(other: SealedHeader) -> None:
    """Also with the same key: a part cannot be passed off as another one."""
    mine, its = sealed(b"content"), sealed(b"content", about=other)
    assert_refused(its[: begin_of(its)] + mine[begin_of(mine) :], plain=b"content")


@pytest.mark.parametrize("stream", [[], [b""], [b"", b""]])
def test_nothing_is_no_backup(stream: list[bytes]) -> None:
    with pytest.raises(RefusedError) as caught:
        unseal(stream, KEY)
    assert caught.value.code == "not-sealed"


def test_the_header_is_readable_without_a_key(stream: bytes) -> None:
    with pytest.raises(RefusedError):
        opened([stream], new_key())
    assert unseal([stream], new_key())[0] == header()


@given(st.binary(max_size=300))
def test_garbage_behind_a_good_header_is_refused(garbage: bytes) -> None:
    made = sealed(b"content")
    assert_refused(made[: begin_of(made)] + garbage, plain=b"content")


def test_a_producer_that_fails_leaves_what_does_not_open() -> None:
    def plain() -> Iterator[bytes]:
        yield pattern(FIRST + OTHER + 5)
        raise KeyError

    got: list[bytes] = []
    with pytest.raises(KeyError):
        got.extend(seal(plain(), KEY, header()))
    assert_refused(b"".join(got), plain=pattern(FIRST + OTHER + 5))


def test_closing_the_sealed_stream_closes_the_plain_one() -> None:
    closed = []

    def plain() -> Iterator[bytes]:
        try:
            while True:
                yield pattern(SEGMENT)
        finally:
            closed.append(True)

    source = plain()
    made = seal(source, KEY, header())
    next(made)
    made.close()
    del made, source
    assert closed == [True]


@pytest.mark.parametrize("after", [0, 3, 100, SEGMENT, 2 * SEGMENT + 500])
def test_a_store_that_fails_is_not_a_damaged_backup(stream: bytes, after: int) -> None:
    gone = RemoteError("the store went away")

    def failing() -> Iterator[bytes]:
        yield stream[:after]
        raise gone

    with pytest.raises(RemoteError) as caught:
        opened(failing())
    assert caught.value is gone


def test_one_chunk_of_any_size_waits_a_segment_at_a_time() -> None:
    parts = list(seal([bytes(8 * SEGMENT)], KEY, header()))
    assert max(map(len, parts)) <= 2 * SEGMENT


def test_the_header_comes_first(stream: bytes) -> None:
    assert read_header(io.BytesIO(stream))[0] == header()


@pytest.mark.linux
def test_memory_does_not_grow_with_the_stream() -> None:
    small, large = (peak("tests.backup.memory", str(mebibytes)) for mebibytes in (30, 300))
    assert large - small < 30 * 1024
