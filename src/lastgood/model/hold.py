"""A hold: a release, and all that is built on it, may not be deployed."""

from __future__ import annotations

from datetime import datetime

from lastgood.model.noun import Noun


class Hold(Noun, frozen=True, kw_only=True):
    """A mark on a bad release that keeps it from coming back.

    Attributes:
        commit: the held release; its descendants are held with it.
        fix: the commit that may be deployed although it descends from the held one.
        fix_by: who named the fix.
        lifted_at: when a person lifted the hold; None while it stands.
    """

    id: int
    environment: str
    service: str
    commit: str
    reason: str
    by: str
    at: datetime
    run: str | None = None
    fix: str | None = None
    fix_by: str | None = None
    fix_reason: str | None = None
    fix_at: datetime | None = None
    lifted_at: datetime | None = None
    lifted_by: str | None = None
    lifted_reason: str | None = None

    @property
    def stands(self) -> bool:
        """Whether the hold still forbids anything at all."""
        return self.lifted_at is None


class PublishedHold(Hold, frozen=True, kw_only=True):
    """A hold as it is shown to machines that have no ledger of their own.

    Attributes:
        good: releases whose content may be deployed in spite of the hold.
    """

    good: tuple[str, ...] = ()
