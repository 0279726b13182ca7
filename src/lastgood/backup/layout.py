"""Where a backup lies in the store: `<environment>/<database>/<id>/` and what is in it."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime

DUMP, ROLES, SETTINGS, STATE = "dump", "roles", "settings", "state"
# Of the release that was about to be deployed; only in a backup before a deployment.
MIGRATIONS = "migrations"
PARTS = (DUMP, ROLES, SETTINGS, STATE, MIGRATIONS)
# Beside the backups' own folders: when each recipient's key last opened one.
OPENED = "opened"
MANIFEST, PROOF, PIN = "manifest.json", "proof.json", "pin.json"
REHEARSAL = "rehearsal.json"
_ID = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}", re.ASCII)


def new_id(at: datetime) -> str:
    """A name for a backup whose snapshot was taken then: names sort as their times do."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y%m%dT%H%M%S}.{utc.microsecond // 1000:03}Z-{secrets.token_hex(4)}"


def is_id(text: str) -> bool:
    """Whether this is a backup's name."""
    return _ID.fullmatch(text) is not None


def taken_at(backup: str) -> datetime:
    """When the backup of this name was begun, to the second; long ago if it names no day."""
    try:
        return datetime.strptime(backup[:15], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
