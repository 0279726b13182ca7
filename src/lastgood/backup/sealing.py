"""Sealing a stream under a key of its own, in bounded memory, and opening it again.

The encryption is Tink's streaming AEAD `AES256_GCM_HKDF_1MB` (RAW): AES-256-GCM in segments of one
MiB, each bound to its place and the last one to its being the last, under a key derived by HKDF
from the data key, a random salt and the associated data. Source:
https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming. A stream that was cut off,
changed, reordered or belongs to something else does not open. Each segment is released as soon as
it was found whole, so what comes out is only good once all of it came out.
"""

from __future__ import annotations

import io
import secrets
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import tink
from tink import TinkError, secret_key_access, streaming_aead
from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

from lastgood.backup.header import read_header, write_header
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from _typeshed import ReadableBuffer, WriteableBuffer

    from lastgood.model.sealed import SealedHeader

KEY_BYTES = 32
SEGMENT = 1 << 20
KEY_TYPE = "type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey"


def new_key() -> bytes:
    """A data key for one backup."""
    return secrets.token_bytes(KEY_BYTES)


def seal(chunks: Iterable[bytes], key: bytes, header: SealedHeader) -> Generator[bytes, None, None]:
    """The sealed stream of a plain one.

    An exception of the plain stream passes through, and what was sealed until then does not open.
    """
    sink = _Sink()
    associated = write_header(header, sink)
    stream = _primitive(key).new_encrypting_stream(sink, associated)
    for chunk in chunks:
        # A producer may give a gigabyte at once: what waits here is one segment all the same.
        whole = memoryview(chunk)
        for begin in range(0, len(whole), SEGMENT):
            stream.write(whole[begin : begin + SEGMENT])
            yield from sink.taken()
    stream.close()
    yield from sink.taken()


def unseal(chunks: Iterable[bytes], key: bytes) -> tuple[SealedHeader, Iterator[bytes]]:
    """The header and the plain stream of a sealed one; read to its end it is shown to be whole.

    An exception of the sealed stream passes through: a store that failed is not a damaged backup.

    Raises:
        RefusedError: it is not a sealed stream (`not-sealed`); while it is read also `damaged`.
    """
    source = _Source(chunks)
    header, associated = read_header(source)
    return header, _plain(source, key, associated)


def _plain(source: _Source, key: bytes, associated: bytes) -> Iterator[bytes]:
    with damage_told(source):
        stream = _primitive(key).new_decrypting_stream(source, associated)
        while chunk := stream.read(SEGMENT):
            yield chunk


@contextmanager
def damage_told(source: _Source) -> Iterator[None]:
    """Tell in our words what Tink found.

    Tink makes one error of everything, also of what the source raised: that one is told as it was.
    """
    try:
        yield
    except TinkError as error:
        if source.failure is not None:
            raise source.failure from None
        raise RefusedError(
            "the backup does not open to its end",
            cause="it was cut off or changed, belongs to another backup, or the key is another's",
            mend="take another backup: lastgood backup list",
            code="damaged",
        ) from error


class _Sink(io.RawIOBase):
    """What Tink writes to: taken away chunk by chunk. Its end is not the end of anything."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        self._kept.append(bytes(data))
        return len(self._kept[-1])

    def taken(self) -> Iterator[bytes]:
        kept, self._kept = self._kept, []
        yield from kept


class _Source(io.RawIOBase):
    """What Tink reads from: chunks of any size.

    Attributes:
        failure: what the chunks raised.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        super().__init__()
        self.failure: BaseException | None = None
        self._chunks = iter(chunks)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, into: WriteableBuffer, /) -> int:
        if not self._left:
            self._left = memoryview(self._next())
        target = memoryview(into)
        count = min(len(target), len(self._left))
        target[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _next(self) -> bytes:
        try:
            return next(filter(None, self._chunks), b"")
        except BaseException as failure:
            self.failure = failure
            raise


@cache
def _registered() -> None:
    streaming_aead.register()


def _primitive(key: bytes) -> streaming_aead.StreamingAead:
    _registered()
    parameters = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
        ciphertext_segment_size=SEGMENT,
        derived_key_size=KEY_BYTES,
        hkdf_hash_type=common_pb2.SHA256,
    )
    described = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(key_value=key, params=parameters)
    keyset = tink_pb2.Keyset(primary_key_id=1)
    keyset.key.add(
        key_id=1,
        status=tink_pb2.ENABLED,
        output_prefix_type=tink_pb2.RAW,
        key_data=tink_pb2.KeyData(
            type_url=KEY_TYPE,
            value=described.SerializeToString(),
            key_material_type=tink_pb2.KeyData.SYMMETRIC,
        ),
    )
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)
