"""The rules that turn evidence into a verdict, as data."""

from __future__ import annotations

from lastgood.model.noun import Noun


class Policy(Noun, frozen=True, kw_only=True):
    """The runbook's quick reference and decision tree. Thresholds are strict.

    Attributes:
        rollback_over_share: share of users affected above which it is a rollback.
        outage_over_s: seconds of complete outage above which it is a rollback on its own.
        hotfix_under_s: a hotfix must be there in fewer seconds than this to be waited for.
        auto: `advise` (a person decides) or `rollback` (act on a rollback verdict).
        fresh_within_s: a measured share older than this says nothing.
        likely_cause_within_s: a problem that began within this time after the live release was
            deployed came with it.
    """

    rollback_over_share: float = 0.5
    outage_over_s: float = 600.0
    hotfix_under_s: float = 600.0
    auto: str = "advise"
    fresh_within_s: float = 30.0
    likely_cause_within_s: float = 21_600.0
