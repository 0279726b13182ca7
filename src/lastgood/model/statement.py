"""What a person states about an incident; taken as the decision tree's answer."""

from __future__ import annotations

from lastgood.model.noun import Noun


class Statement(Noun, frozen=True, kw_only=True):
    """The answers given on the command line; None is not stated.

    Attributes:
        affected: share of users affected, between 0 and 1.
        outage_s: seconds of complete outage so far.
        hotfix_in_s: seconds until a hotfix could be live; None means no hotfix.
        by: who states it.
    """

    affected: float | None = None
    security: bool = False
    corruption: bool = False
    data_loss: bool = False
    outage_s: float | None = None
    failed_deployment: bool = False
    failed_migration: bool = False
    hotfix_in_s: float | None = None
    by: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing at all was stated."""
        return self == Statement(by=self.by)
