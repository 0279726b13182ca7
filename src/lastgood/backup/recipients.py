"""For whom backups are made: at least two, so that one lost key does not lose every backup.

A recipient is written as `file:PATH`, a key file, `age:age1...`, an age public key, or
`aws-kms:ARN`, a key of AWS KMS.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Protocol

from lastgood.backup.keyfile import KEY_BYTES, read_key_file
from lastgood.errors import RefusedError
from lastgood.model.sealed import WrappedKey
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lastgood.backup.identity import Identity
    from lastgood.model.sealed import RecipientKind

FEWEST = 2


class Recipient(Protocol):
    """Wraps data keys for one holder of a key."""

    @property
    def kind(self) -> RecipientKind:
        """How."""

    @property
    def recipient(self) -> str:
        """The public name."""

    def wrap(self, data_key: bytes, backup: str) -> bytes:
        """The data key of a backup, for this holder."""


def find_recipients(written: Iterable[str], folder: Path) -> tuple[Recipient, ...]:
    """The recipients as the configuration writes them; paths start at its folder.

    Raises:
        RefusedError: one is unknown (`recipient`), its key file cannot be used (`key-...`), or
            what it needs is not installed (`no-boto3`).
    """
    return tuple(_recipient(text, folder) for text in written)


def _recipient(text: str, folder: Path) -> Recipient:
    scheme, colon, rest = text.partition(":")
    if scheme == "file" and rest:
        return read_key_file(folder / rest)
    if scheme == "age" and rest:
        from lastgood.backup.agekey import AgeRecipient  # noqa: PLC0415 - pyrage when needed

        return AgeRecipient(rest)
    if scheme == "aws-kms" and rest:
        from lastgood.backup.kms import KmsKey  # noqa: PLC0415 - likewise

        return KmsKey(rest)
    # The text is not repeated: a secret key is easily written in the place of a public one.
    raise RefusedError(
        "a recipient of backups cannot be understood",
        cause=f"it begins with {scheme!r}" if colon and scheme.isalpha() else "it has no kind",
        mend="write file:PATH for a key file, age:age1... for an age public key, or aws-kms:ARN",
        code="recipient",
    )


def wrap(data_key: bytes, recipients: Sequence[Recipient], backup: str) -> tuple[WrappedKey, ...]:
    """The data key of a backup for each of its recipients; the same one twice counts once.

    Raises:
        RefusedError: there are fewer than two different ones (`one-recipient`).
        RemoteError: who keeps a key did not answer.
    """
    return tuple(
        WrappedKey(
            kind=one.kind,
            recipient=one.recipient,
            wrapped=base64.b64encode(one.wrap(data_key, backup)).decode(),
        )
        for one in enough(recipients)
    )


def enough(recipients: Iterable[Recipient]) -> tuple[Recipient, ...]:
    """The different ones of the recipients.

    Raises:
        RefusedError: there are fewer than two (`one-recipient`).
    """
    different = {(one.kind, one.recipient): one for one in recipients}
    if len(different) < FEWEST:
        raise RefusedError(
            "a backup needs two recipients",
            cause=f"there is {len(different) or 'none'}: were its key lost, every backup would be",
            mend="add one whose key lies elsewhere: run `age-keygen -o recovery.txt` on another "
            "machine and add `age:` with the public key that it prints; or make a second key "
            "file: lastgood backup export-key --new FILE",
            code="one-recipient",
        )
    return tuple(different.values())


def unwrap(keys: Iterable[WrappedKey], identity: Identity, backup: str) -> bytes:
    """The data key of a backup.

    Raises:
        RefusedError: it was not made for this identity (`not-a-recipient`), or what was wrapped
            for it does not open (`wrong-key`).
        RemoteError: who keeps the key did not answer.
    """
    keys = tuple(keys)
    mine = [
        key for key in keys if key.kind == identity.kind and key.recipient in identity.recipients
    ]
    if not mine:
        raise _not_a_recipient(keys, identity)
    for key in mine:
        try:
            wrapped = base64.b64decode(key.wrapped, validate=True)
        except (binascii.Error, ValueError):
            continue
        data_key = identity.unwrap(wrapped, backup)
        if data_key is not None and len(data_key) == KEY_BYTES:
            return data_key
    raise RefusedError(
        "the backup's key does not open",
        cause=f"what was wrapped for {_names(identity.recipients)} was changed, or is another "
        "backup's",
        mend="open it with another recipient's key, or take another backup: lastgood backup list",
        code="wrong-key",
    )


def fits(keys: Iterable[WrappedKey], recipients: Iterable[Recipient]) -> bool:
    """Whether a data key is wrapped for these recipients and for nobody else."""
    wrapped = {(key.kind, key.recipient) for key in keys}
    return wrapped == {(one.kind, one.recipient) for one in recipients}


def _not_a_recipient(keys: tuple[WrappedKey, ...], identity: Identity) -> RefusedError:
    return RefusedError(
        "the backup was not made for this key",
        cause=f"this key is {_names(identity.recipients)}; the backup was made for "
        f"{_names(key.recipient for key in keys)}",
        mend="give the key file or the age identity of one of those",
        code="not-a-recipient",
    )


def _names(names: Iterable[str]) -> str:
    """Public names for people; those of a manifest are from outside."""
    return ", ".join(sorted(harmless(name)[:80] for name in names)) or "nobody"
