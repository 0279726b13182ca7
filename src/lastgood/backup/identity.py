"""What opens a backup: a key file, an age identity, or a key of AWS KMS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lastgood.backup.keyfile import KeyFile, key_in
from lastgood.backup.privatefile import read_private
from lastgood.errors import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from lastgood.model.sealed import RecipientKind

AGE_SECRET = "AGE-SECRET-KEY-"  # noqa: S105 - how every age identity begins
LOCKED = ("age-encryption.org/", "-----BEGIN AGE ENCRYPTED FILE-----")


class Identity(Protocol):
    """Opens the keys that were wrapped for it."""

    @property
    def kind(self) -> RecipientKind:
        """How those keys are wrapped."""

    @property
    def recipients(self) -> frozenset[str]:
        """The public names that it opens for."""

    def unwrap(self, wrapped: bytes, backup: str) -> bytes | None:
        """The data key; None when it does not open."""


def read_identity(path: Path) -> Identity:
    """The identity in a file, whichever it is; or the one that is named `aws-kms:ARN`.

    Raises:
        RefusedError: it cannot be read, others can, it has a passphrase or is none (`key-...`,
            `no-key`); or what is named is no key of KMS (`recipient`, `no-boto3`).
    """
    scheme, _, rest = str(path).partition(":")
    if scheme == "aws-kms":
        from lastgood.backup.kms import KmsKey  # noqa: PLC0415 - boto3 only where needed

        return KmsKey(rest)
    text = read_private(path)
    if text.startswith(LOCKED):
        raise RefusedError(
            f"{path} is locked by a passphrase",
            cause="it is an age file, not yet the identity in it",
            mend=f"unlock it in memory: (umask 077; age -d {path} > /dev/shm/identity), give that "
            "file, delete it afterwards",
            code="key-locked",
        )
    lines = [line.strip() for line in text.splitlines()]
    if any(line.upper().startswith(AGE_SECRET) for line in lines):
        from lastgood.backup.agekey import identity_in  # noqa: PLC0415 - pyrage only where needed

        return identity_in(text, path)
    return KeyFile(key_in(text, path))
