"""Whose key opens a backup here: the one that is named, or a recipient's that can be used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lastgood.app.backups.place import place_of
from lastgood.backup.identity import read_identity
from lastgood.backup.recipients import find_recipients
from lastgood.errors import LastgoodError, RefusedError
from lastgood.model.sealed import RecipientKind

if TYPE_CHECKING:
    from lastgood.app.backups.place import Place
    from lastgood.app.project import Project
    from lastgood.backup.identity import Identity


def identity_of(project: Project, place: Place, key: Path | None) -> Identity:
    """What opens the place's backups.

    Args:
        project: whose folder relative paths start at.
        place: with its recipients.
        key: a key file, an age identity or `aws-kms:ARN`; else the first recipient's that is a
            key file here or a key of KMS.

    Raises:
        RefusedError: the key cannot be used, or no recipient's can be from here (`no-key-here`).
    """
    if key is not None:
        return read_identity(key)
    troubles = []
    for recipient in place.settings.recipients:
        scheme, _, path = recipient.partition(":")
        if scheme == "age":
            continue
        try:
            here = project.settings.folder / path if scheme == "file" else Path(recipient)
            return read_identity(here)
        except LastgoodError as error:
            troubles.append(str(error))
    raise RefusedError(
        "no key that opens backups is here",
        cause="; ".join(troubles) or "every recipient's key lies elsewhere",
        mend="name one: --key FILE",
        code="no-key-here",
    )


def keys_here(project: Project, database: str | None) -> list[dict[str, Any]]:
    """For whom backups are made, as written and as manifests name them; whose key is here."""
    settings = place_of(project, database).settings
    found = find_recipients(settings.recipients, project.settings.folder)
    return [
        {"written": text, "recipient": one.recipient, "here": one.kind is RecipientKind.KEY_FILE}
        for text, one in zip(settings.recipients, found, strict=True)
    ]
