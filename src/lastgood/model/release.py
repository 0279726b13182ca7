"""A release: one deployable version of a service, and how good it is known to be."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from lastgood.model.noun import Noun

if TYPE_CHECKING:
    from collections.abc import Iterable


class Standing(StrEnum):
    """What is known of a release. "Successful" and "previous" mean nothing here."""

    KNOWN_GOOD = "known-good"
    CANDIDATE = "candidate"
    BAD = "bad"
    UNKNOWN = "unknown"


class GoodEvidence(Noun, frozen=True, kw_only=True):
    """Why a release's standing is what it is.

    Attributes:
        kind: `soak` (health checks held), `mark` (a named person said so), `rollback`,
            `deployment` (it soaks, which shows nothing yet).
        at: when the standing was given.
        by: who or what gave it.
        reason: in words.
        since: start of the watched period, for a soak.
        until: its end.
        samples: check results that were seen.
        checks: names of the checks that were watched.
        longest_gap_s: the longest time without a sample.
    """

    kind: str
    at: datetime
    by: str
    reason: str
    since: datetime | None = None
    until: datetime | None = None
    samples: int = 0
    checks: tuple[str, ...] = ()
    longest_gap_s: float = 0.0


class Release(Noun, frozen=True, kw_only=True):
    """One deployable version of a service in an environment.

    Attributes:
        id: `SERVICE@COMMIT` with twelve characters of the commit.
        commit: the full commit hash, or the name the deploy driver knows the release by.
        artifact: where the built release is kept, when known.
        same_tree_as: for a commit made by a rollback, the release whose tree it carries.
        config_hash: the configuration's hash when the release was recorded.
    """

    id: str
    environment: str
    service: str
    commit: str
    standing: Standing
    recorded_at: datetime
    artifact: str | None = None
    same_tree_as: str | None = None
    schema_revision: str | None = None
    config_hash: str | None = None
    evidence: GoodEvidence | None = None


class Deployment(Noun, frozen=True, kw_only=True):
    """A release put live in an environment at a time, by whom, from where.

    Attributes:
        source: `ci`, `person`, `rollback`, `import`.
        run: the run that made it, for a rollback.
    """

    id: int
    environment: str
    service: str
    commit: str
    at: datetime
    by: str
    source: str
    run: str | None = None


def release_id(service: str, commit: str) -> str:
    """The id of a release within its environment."""
    return f"{service}@{commit[:12]}"


def contents(releases: Iterable[Release]) -> dict[str, str]:
    """For each commit that a rollback made, the release whose tree it carries."""
    return {r.commit: r.same_tree_as for r in releases if r.same_tree_as is not None}
