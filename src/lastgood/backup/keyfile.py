"""A key file: 32 random bytes that seal and open the data keys of backups.

The data key is wrapped by AES-256-GCM (NIST SP 800-38D) under a random nonce; the associated data
is the purpose and the backup's id, so that a wrapped key opens its own backup only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lastgood.backup.privatefile import read_private, write_private
from lastgood.errors import RefusedError
from lastgood.model.sealed import RecipientKind

if TYPE_CHECKING:
    from pathlib import Path

KEY_BYTES = 32
NONCE_BYTES = 12
WRAPPING = b"lastgood wrapped data key v1\0"
NAMING = b"lastgood key file name v1\0"
NAME_DIGITS = 32
COMMENT = (
    "# A key file of lastgood: whoever has it reads the backups that were made for it.\n"
    "# Keep a copy where the servers are not; never put it into git.\n"
)


class KeyFile:
    """A key, as a recipient and as an identity; it never shows itself.

    Attributes:
        recipient: its public name, a digest from which the key cannot be found.
    """

    kind = RecipientKind.KEY_FILE

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.recipient = f"sha256:{hashlib.sha256(NAMING + key).hexdigest()[:NAME_DIGITS]}"

    def __repr__(self) -> str:
        return f"KeyFile({self.recipient})"

    @property
    def recipients(self) -> frozenset[str]:
        """The names whose wrapped keys this opens."""
        return frozenset({self.recipient})

    def wrap(self, data_key: bytes, backup: str) -> bytes:
        """A data key that only this key opens, and only as this backup's."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + AESGCM(self._key).encrypt(nonce, data_key, WRAPPING + backup.encode())

    def unwrap(self, wrapped: bytes, backup: str) -> bytes | None:
        """The data key; None when this key does not open it or it is another backup's."""
        nonce, sealed = wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:]
        try:
            return AESGCM(self._key).decrypt(nonce, sealed, WRAPPING + backup.encode())
        except (InvalidTag, ValueError):  # also too short to be anything
            return None


def make_key_file(path: Path) -> KeyFile:
    """Write a new key to a new file that only its owner reads.

    Raises:
        RefusedError: there is something already (`key-exists`), or no file can be made there.
    """
    key = secrets.token_bytes(KEY_BYTES)
    write_private(path, f"{COMMENT}{base64.b64encode(key).decode()}\n".encode())
    return KeyFile(key)


def read_key_file(path: Path) -> KeyFile:
    """The key in a file.

    Raises:
        RefusedError: it cannot be read, others can (`key-permissions`), or it is none (`no-key`).
    """
    return KeyFile(key_in(read_private(path), path))


def key_in(text: str, path: Path) -> bytes:
    """The 32 bytes that a key file's text holds."""
    lines = [line for line in map(str.strip, text.splitlines()) if line and line[0] != "#"]
    try:
        key = base64.b64decode("".join(lines), validate=True)
    except (binascii.Error, ValueError):  # said without its text: it may be a key all the same
        key = b""
    if len(lines) != 1 or len(key) != KEY_BYTES:
        raise RefusedError(
            f"{path} is not a key file",
            cause=f"beside comments it is not one line of base64 for {KEY_BYTES} bytes",
            mend="give the file that this made: lastgood backup export-key --new FILE",
            code="no-key",
        )
    return key
