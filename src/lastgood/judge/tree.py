"""The runbook's quick reference and decision tree as one table, read from the top down.

How the two are joined. The tree asks three things: over half of the users affected? (no: monitor
closely and prepare), a security issue? (yes: roll back), a hotfix in under ten minutes? (yes:
deploy it, no: roll back). The quick reference names five reasons to roll back, four of which the
tree would send to "monitor" when fewer users are affected. Here those four (security, corruption,
data loss, an outage over its threshold) are asked first and decide on their own. That changes
nothing for the tree's own security question: it stands below "over half affected" and leads to a
rollback, so asking it earlier comes to the same end. What is left of the tree is the share, then
the hotfix.

The table adds what the runbook takes for granted: that anything is known at all, and that the live
release is the likely cause of what was measured (see `cause`). A share that nobody can tell is
insufficient evidence, except while a complete outage runs that is not over its threshold yet: then
it is watched closely until it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from lastgood.model.verdict import Decision


class Says(StrEnum):
    """What a question can be answered with."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "not known"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One question and where each answer leads: to a decision, or to a row further down.

    Attributes:
        question: with the policy's thresholds as `{share}`, `{outage}` and `{hotfix}`.
    """

    name: str
    question: str
    yes: Decision | str
    no: Decision | str
    unknown: Decision | str = Decision.INSUFFICIENT_EVIDENCE

    def leads_to(self, says: Says) -> Decision | str:
        """The decision, or the name of the row to read next."""
        return {Says.YES: self.yes, Says.NO: self.no, Says.UNKNOWN: self.unknown}[says]


TREE = (
    Row(
        name="input",
        question="Is anything stated or seen?",
        yes="security",
        no=Decision.INSUFFICIENT_EVIDENCE,
    ),
    Row(
        name="security",
        question="Is it a security issue?",
        yes=Decision.ROLLBACK,
        no="corruption",
    ),
    Row(
        name="corruption",
        question="Is data corrupted?",
        yes=Decision.ROLLBACK,
        no="data-loss",
    ),
    Row(
        name="data-loss",
        question="Is data lost?",
        yes=Decision.ROLLBACK,
        no="outage",
    ),
    Row(
        name="outage",
        question="Is it a complete outage of more than {outage}?",
        yes="cause",
        no="affected",
    ),
    Row(
        name="affected",
        question="Are more than {share} of the users affected?",
        yes="hotfix",
        no=Decision.MONITOR,
        unknown="outage-runs",
    ),
    Row(
        name="outage-runs",
        question="Does a complete outage run that may still get over {outage}?",
        yes=Decision.MONITOR,
        no=Decision.INSUFFICIENT_EVIDENCE,
    ),
    Row(
        name="hotfix",
        question="Can it be hotfixed in under {hotfix}?",
        yes=Decision.HOTFIX,
        no="cause",
    ),
    Row(
        name="cause",
        question="Is the live release the likely cause?",
        yes=Decision.ROLLBACK,
        no=Decision.MONITOR,
    ),
)
