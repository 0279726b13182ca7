"""age recipients and identities: X25519, so that who makes backups cannot open them.

The format is https://age-encryption.org/v1, by pyrage; what is wrapped is the 32 bytes of the data
key, so that the `age` tool opens it as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyrage
from pyrage import x25519

from lastgood.errors import RefusedError
from lastgood.model.sealed import RecipientKind

if TYPE_CHECKING:
    from pathlib import Path


class AgeRecipient:
    """A public key: it wraps, and opens nothing.

    Attributes:
        recipient: `age1...`.

    Raises:
        RefusedError: the text is no X25519 recipient (`recipient`).
    """

    kind = RecipientKind.AGE

    def __init__(self, text: str) -> None:
        try:
            self._key = x25519.Recipient.from_str(text)
        except pyrage.RecipientError as error:
            raise RefusedError(
                "an age recipient cannot be read",
                cause=f"what is written after `age:` is no X25519 public key: {error}",
                mend="write the public key that `age-keygen` printed, age:age1...",
                code="recipient",
            ) from error
        self.recipient = str(self._key)

    def wrap(self, data_key: bytes, backup: str) -> bytes:  # noqa: ARG002 - age binds nothing
        """A data key that only the identity of this recipient opens."""
        return bytes(pyrage.encrypt(data_key, [self._key]))


class AgeIdentity:
    """The secret keys of an identity file."""

    kind = RecipientKind.AGE

    def __init__(self, keys: list[x25519.Identity]) -> None:
        self._keys = keys

    def __repr__(self) -> str:
        return f"AgeIdentity({', '.join(sorted(self.recipients))})"

    @property
    def recipients(self) -> frozenset[str]:
        """The public keys whose wrapped keys this opens."""
        return frozenset(str(key.to_public()) for key in self._keys)

    def unwrap(self, wrapped: bytes, backup: str) -> bytes | None:  # noqa: ARG002 - see above
        """The data key; None when none of the secret keys opens it."""
        try:
            return bytes(pyrage.decrypt(wrapped, self._keys))
        except pyrage.DecryptError:
            return None


def identity_in(text: str, path: Path) -> AgeIdentity:
    """The identity that a file's text holds.

    Raises:
        RefusedError: a line of it is no X25519 secret key (`no-key`).
    """
    keys = []
    for line in map(str.strip, text.splitlines()):
        if not line or line.startswith("#"):
            continue
        try:
            keys.append(x25519.Identity.from_str(line))
        except pyrage.IdentityError as error:  # said without the line: it may be nearly a key
            raise RefusedError(
                f"{path} is not an age identity",
                cause=f"a line of it is no X25519 secret key: {error}",
                mend="give the file that `age-keygen -o FILE` made",
                code="no-key",
            ) from error
    return AgeIdentity(keys)
