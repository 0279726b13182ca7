"""An event: one line of what happened; append-only and hash-chained."""

from __future__ import annotations

import hashlib
from datetime import datetime

from lastgood.model.noun import Noun, to_json

GENESIS = "0" * 64


class Event(Noun, frozen=True, kw_only=True):
    """One thing that happened.

    Attributes:
        seq: 1, 2, 3 ... without a gap.
        kind: dotted and past tense, e.g. `run.started`, `release.promoted`.
        actor: who or what did it.
        text: one line for people.
        data: for programs.
        previous: the hash of the event before, `GENESIS` for the first.
        hash: SHA-256 over `previous` and the canonical JSON of all other fields.
    """

    seq: int
    at: datetime
    kind: str
    actor: str
    text: str
    environment: str = ""
    incident: str | None = None
    run: str | None = None
    data: dict[str, str] = {}
    previous: str = GENESIS
    hash: str = ""


def event_hash(event: Event) -> str:
    """What the event's hash must be, given all its other fields."""
    fields = {f: getattr(event, f) for f in event.__struct_fields__ if f != "hash"}
    return hashlib.sha256(to_json(fields).encode()).hexdigest()
