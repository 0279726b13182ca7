"""The environment's lock: a row with an epoch that every side effect checks."""

from __future__ import annotations

from datetime import datetime

from lastgood.model.noun import Noun


class Lock(Noun, frozen=True, kw_only=True):
    """Who may change an environment.

    Attributes:
        epoch: grows with every taking; a side effect with an older one is refused.
        run: the run that holds it; None while it is free.
        holder: the person, machine and process behind the run.
        since: when it was taken.
    """

    environment: str
    epoch: int
    run: str | None = None
    holder: str = ""
    since: datetime | None = None


class Lease(Noun, frozen=True, kw_only=True):
    """The right to change an environment at one epoch."""

    environment: str
    run: str
    epoch: int
