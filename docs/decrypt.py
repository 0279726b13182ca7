"""Opens a backup of lastgood without lastgood.

    python3 decrypt.py --manifest manifest.json --key FILE < dump > dump.pgdump

Needs Python 3.9 and the package `cryptography`, nothing else. FILE is a key file of lastgood or an
age identity (AGE-SECRET-KEY-...). What is written was found whole segment by segment: it is the
backup only when this exits with 0. On anything else throw away what was written.

The formats: https://developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming for the
stream, https://age-encryption.org/v1 and BIP 173 (Bech32) for age.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import sys
from typing import IO, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"LGBK1"
LONGEST_HEADER = 64 * 1024
SEGMENT = 1 << 20
KEY_BYTES = 32
PREFIX_BYTES = 7
STREAM_HEADER = 1 + KEY_BYTES + PREFIX_BYTES
NONCE_BYTES = 12
WRAPPING = b"lastgood wrapped data key v1\0"
AGE_IDENTITY = "age-secret-key-"
AGE_BEGIN = "age-encryption.org/v1"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class Refused(Exception):  # noqa: N818 - it is said to a person, not raised at a caller
    """Why the backup does not open."""


def main() -> int:
    """Read, open, write."""
    wanted = argparse.ArgumentParser(description="Opens a backup of lastgood.")
    wanted.add_argument("--manifest", required=True, help="the backup's manifest.json")
    wanted.add_argument("--key", required=True, help="a key file, or an age identity file")
    given = wanted.parse_args()
    try:
        refuse_terminal()
        manifest = read_manifest(given.manifest)
        data_key = find_key(manifest, given.key)
        decrypt(sys.stdin.buffer, sys.stdout.buffer, data_key, manifest)
        sys.stdout.buffer.flush()
    except (Refused, OSError) as error:
        sys.stderr.write(f"decrypt.py: {error}\nWhat was written is NOT the backup.\n")
        # Else Python tries once more to write what a broken pipe did not take.
        sys.stdout = None  # type: ignore[assignment]
        return 1
    return 0


def refuse_terminal() -> None:
    """A dump on a screen helps nobody."""
    if sys.stdout.isatty():
        raise Refused("write into a file or a pipe: add > FILE")


def read_manifest(path: str) -> dict[str, Any]:
    """What the manifest says."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib would say nothing more here
            found = json.load(file)
        return {
            "id": str(found["id"]),
            "keys": [(key["kind"], key["recipient"], key["wrapped"]) for key in found["keys"]],
            "parts": {part["name"]: part["sha256"] for part in found["parts"]},
        }
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Refused(f"{path} is not a manifest: {error!r}") from error


# The data key: wrapped once for each recipient.


def find_key(manifest: dict[str, Any], path: str) -> bytes:
    """The data key, by whichever of the wrapped ones this file opens."""
    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - likewise
        lines = [line.strip() for line in file if line.strip() and line[0] != "#"]
    try:
        openers = [opener(line) for line in lines]
        wanted = [(kind, base64.b64decode(text)) for kind, _, text in manifest["keys"]]
    except ValueError as error:
        raise Refused(f"{path} is no key, or the manifest is damaged") from error
    for kind, wrapped in wanted:
        for opened_kind, opened in openers:
            if kind != opened_kind:
                continue
            try:
                data_key = opened(wrapped, manifest["id"])
            except (InvalidTag, ValueError, IndexError):
                continue
            if len(data_key) == KEY_BYTES:
                return data_key
    names = ", ".join(repr(name) for _, name, _ in manifest["keys"])
    raise Refused(f"{path} opens none of the backup's keys, which are for {names}")


def opener(line: str) -> tuple[str, Any]:
    """How a line of a key file opens a wrapped key."""
    if line.lower().startswith(AGE_IDENTITY):
        secret = X25519PrivateKey.from_private_bytes(bech32(line.lower()))
        return "age", lambda wrapped, _: open_age(wrapped, secret)
    key = base64.b64decode(line, validate=True)
    if len(key) != KEY_BYTES:
        raise ValueError(line)
    return "key-file", lambda wrapped, backup: AESGCM(key).decrypt(
        wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], WRAPPING + backup.encode()
    )


def bech32(text: str) -> bytes:
    """The bytes of a Bech32 text, its checksum checked."""
    name, _, data = text.rpartition("1")
    values = [BECH32.index(sign) for sign in data]
    spread = [ord(sign) >> 5 for sign in name] + [0] + [ord(sign) & 31 for sign in name]
    check = 1
    for value in spread + values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, word in enumerate(GENERATOR):
            check ^= word if top >> bit & 1 else 0
    if check != 1:
        raise ValueError("checksum")
    bits = "".join(f"{value:05b}" for value in values[:-6])
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))


def open_age(sealed: bytes, secret: X25519PrivateKey) -> bytes:
    """What an age file for X25519 recipients holds; no more than one chunk of it."""
    head, _, rest = sealed.partition(b"\n---")
    mac, _, payload = rest.partition(b"\n")
    file_key = age_file_key(head.decode("ascii"), secret)
    expected = hmac.new(derived(file_key, b"", b"header"), head + b"\n---", hashlib.sha256)
    if not hmac.compare_digest(expected.digest(), unpadded(mac.decode("ascii").strip())):
        raise ValueError("header")
    stream_key = derived(file_key, payload[:16], b"payload")
    last = bytes(11) + b"\1"
    return ChaCha20Poly1305(stream_key).decrypt(last, payload[16:], None)


def age_file_key(head: str, secret: X25519PrivateKey) -> bytes:
    """The file key in the first stanza that is for us."""
    begin, *stanzas = head.split("\n-> ")
    if begin != AGE_BEGIN:
        raise ValueError(begin)
    mine = secret.public_key().public_bytes_raw()
    for stanza in stanzas:
        words, _, body = stanza.partition("\n")
        kind, *arguments = words.split(" ")
        if kind != "X25519":
            continue
        share = unpadded(arguments[0])
        shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
        wrapping = derived(shared, share + mine, b"age-encryption.org/v1/X25519")
        try:
            sealed = unpadded(body.replace("\n", ""))
            return ChaCha20Poly1305(wrapping).decrypt(bytes(12), sealed, None)
        except InvalidTag:
            continue
    raise ValueError("no stanza")


def unpadded(text: str) -> bytes:
    """Base64 as age writes it."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


def derived(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    """A key by HKDF-SHA256 (RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt, purpose).derive(secret)


# The stream: a header in the clear, then AES-256-GCM in segments of a MiB.


def decrypt(source: IO[bytes], into: IO[bytes], data_key: bytes, manifest: dict[str, Any]) -> None:
    """Write the plain stream, each segment after it was found whole."""
    seen = hashlib.sha256()
    head = taken(source, seen, len(MAGIC) + 4)
    length = int.from_bytes(head[len(MAGIC) :], "big")
    if head[: len(MAGIC)] != MAGIC or len(head) < len(MAGIC) + 4 or length > LONGEST_HEADER:
        raise Refused("this is not a part of a backup: it begins with something else")
    header = taken(source, seen, length)
    part = part_of(header, manifest)
    begin = taken(source, seen, STREAM_HEADER)
    if len(begin) < STREAM_HEADER or begin[0] != STREAM_HEADER:
        raise Refused("the stream is cut off or damaged at its beginning")
    salt, prefix = begin[1 : 1 + KEY_BYTES], begin[1 + KEY_BYTES :]
    cipher = AESGCM(derived(data_key, salt, hashlib.sha256(header).digest()))
    number, segment = 0, taken(source, seen, SEGMENT - STREAM_HEADER)
    while True:
        following = taken(source, seen, SEGMENT)
        nonce = prefix + number.to_bytes(4, "big") + (b"\0" if following else b"\1")
        try:
            plain = cipher.decrypt(nonce, segment, None)
        except (InvalidTag, ValueError) as error:
            raise Refused(f"the stream is damaged or cut off in its MiB {number + 1}") from error
        into.write(plain)
        if not following:
            break
        number, segment = number + 1, following
    if seen.hexdigest() != manifest["parts"][part]:
        raise Refused(f"this is not the {part} that the manifest names")


def part_of(header: bytes, manifest: dict[str, Any]) -> str:
    """Which part of the manifest's backup this is."""
    try:
        said = json.loads(header)
        backup, part = said["backup"], said["part"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Refused("the header is damaged") from error
    if backup != manifest["id"] or part not in manifest["parts"]:
        raise Refused(f"this is {part!r} of {backup!r}, the manifest is of {manifest['id']!r}")
    return str(part)


def taken(source: IO[bytes], seen: Any, count: int) -> bytes:  # noqa: ANN401 - a hash has no name
    """So many bytes, fewer at the end."""
    found = source.read(count)
    seen.update(found)
    return found


if __name__ == "__main__":
    sys.exit(main())
