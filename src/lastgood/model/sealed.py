"""A sealed stream: what stands before it, and for whom its key was wrapped."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from lastgood.model.noun import Noun


class SealedHeader(Noun, frozen=True, kw_only=True):
    """What a sealed stream says of itself, in the clear; a changed word makes it unreadable.

    Attributes:
        backup: the backup it belongs to.
        part: which of the backup's streams it is.
        made_at: when it was begun.
        server_version: of the database that was dumped, as PostgreSQL writes it.
        client_version: of the program that dumped it.
        compression: what the content is compressed with; `none` where its own format does it.
        key_id: names the data key, not the recipients.
    """

    backup: str
    part: str
    made_at: datetime
    server_version: str
    client_version: str
    compression: str
    key_id: str


class RecipientKind(StrEnum):
    """How a data key is wrapped."""

    KEY_FILE = "key-file"
    AGE = "age"
    AWS_KMS = "aws-kms"


class WrappedKey(Noun, frozen=True, kw_only=True):
    """A backup's data key, wrapped for one recipient.

    Attributes:
        recipient: the recipient's public name: an age recipient, a key file's fingerprint,
            or the ARN of a key of AWS KMS.
        wrapped: base64.
    """

    kind: RecipientKind
    recipient: str
    wrapped: str
