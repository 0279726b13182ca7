"""Where a backup lies in the store: `<environment>/<database>/<id>/` and what is in it."""

from __future__ import annotations

import re
import secrets
from datetime import UTC
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

DUMP, ROLES, SETTINGS, STATE = "dump", "roles", "settings", "state"
PARTS = (DUMP, ROLES, SETTINGS, STATE)
MANIFEST, PROOF, PIN = "manifest.json", "proof.json", "pin.json"
_ID = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}", re.ASCII)


def new_id(at: datetime) -> str:
    """A name for a backup whose snapshot was taken then: names sort as their times do."""
    utc = at.astimezone(UTC)
    return f"{utc:%Y%m%dT%H%M%S}.{utc.microsecond // 1000:03}Z-{secrets.token_hex(4)}"


def is_id(text: str) -> bool:
    """Whether this is a backup's name."""
    return _ID.fullmatch(text) is not None
