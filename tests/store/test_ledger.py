from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.errors import RefusedError
from lastgood.model.release import Deployment, GoodEvidence, Standing

if TYPE_CHECKING:
    from lastgood.store.ledger import Ledger
    from lastgood.store.state import State

A, B, C = "a" * 40, "b" * 40, "c" * 40
HOUR = timedelta(hours=1)


@pytest.fixture
def ledger(state: State) -> Ledger:
    return state.ledger


def deploy(
    ledger: Ledger, commit: str, at: datetime, *, service: str = "backend", **more: Any
) -> Deployment:
    return ledger.record_deployment(
        "production", service, commit, at=at, by="ci", source="ci", **more
    )


def evidence(at: datetime) -> GoodEvidence:
    return GoodEvidence(kind="mark", at=at, by="ada", reason="looked at it", checks=("home",))


def test_a_deployment_makes_the_release_known(ledger: Ledger, now: datetime) -> None:
    made = deploy(ledger, A, now, artifact="/srv/releases/a", config_hash="1")
    assert made == Deployment(
        id=1, environment="production", service="backend", commit=A, at=now, by="ci", source="ci"
    )
    release = ledger.release("production", "backend", A)
    assert release is not None
    assert (release.id, release.standing) == (f"backend@{'a' * 12}", Standing.CANDIDATE)
    assert (release.artifact, release.config_hash) == ("/srv/releases/a", "1")
    assert release.recorded_at == now


@pytest.mark.parametrize("standing", list(Standing))
def test_deploying_again_keeps_the_standing(
    ledger: Ledger, now: datetime, standing: Standing
) -> None:
    deploy(ledger, A, now)
    ledger.set_standing("production", "backend", A, standing, evidence(now))
    ledger.record_deployment(
        "production", "backend", A, at=now, by="x", source="ci", standing=Standing.KNOWN_GOOD
    )
    release = ledger.release("production", "backend", A)
    assert release is not None
    assert (release.standing, release.evidence) == (standing, evidence(now))


def test_deploying_again_adds_what_was_not_known(ledger: Ledger, now: datetime) -> None:
    ledger.import_release("production", "backend", A, at=now)
    deploy(ledger, A, now, artifact="old", config_hash="1", same_tree_as=B)
    deploy(ledger, A, now, artifact="new", config_hash="2", same_tree_as=C)
    deploy(ledger, A, now)
    release = ledger.release("production", "backend", A)
    assert release is not None
    assert (release.artifact, release.config_hash, release.same_tree_as) == ("new", "1", B)
    assert release.standing is Standing.UNKNOWN


def test_importing_does_nothing_to_a_known_release(ledger: Ledger, now: datetime) -> None:
    imported = ledger.import_release("production", "backend", A, at=now, artifact="tag v1")
    assert (imported.standing, imported.artifact) == (Standing.UNKNOWN, "tag v1")
    ledger.set_standing("production", "backend", A, Standing.KNOWN_GOOD, evidence(now))
    again = ledger.import_release("production", "backend", A, at=now + HOUR, artifact="else")
    assert (again.standing, again.artifact) == (Standing.KNOWN_GOOD, "tag v1")
    assert again.recorded_at == now


def test_releases_stand_by_their_newest_deployment(ledger: Ledger, now: datetime) -> None:
    deploy(ledger, A, now)
    deploy(ledger, B, now + HOUR)
    deploy(ledger, A, now + 2 * HOUR)
    ledger.import_release("production", "backend", C, at=now + 3 * HOUR)
    assert [r.commit for r in ledger.releases("production", "backend")] == [A, B, C]
    assert ledger.deployed_at("production") == {
        ("backend", A): now + 2 * HOUR,
        ("backend", B): now + HOUR,
    }


def test_what_is_live_is_told_by_time_not_by_the_order_of_writing(
    ledger: Ledger, now: datetime
) -> None:
    deploy(ledger, A, now + HOUR)
    deploy(ledger, B, now)  # recorded late
    live = ledger.live("production", "backend")
    assert live is not None
    assert live.commit == A
    deploy(ledger, C, now + HOUR)  # at the same time: the later record
    live = ledger.live("production", "backend")
    assert live is not None
    assert live.commit == C


def test_services_and_environments_are_kept_apart(ledger: Ledger, now: datetime) -> None:
    deploy(ledger, A, now)
    deploy(ledger, A, now, service="frontend")
    ledger.record_deployment("staging", "backend", B, at=now, by="ci", source="ci")
    assert len(ledger.releases("production")) == 2
    assert [r.commit for r in ledger.releases("staging")] == [B]
    assert ledger.live("staging", "frontend") is None
    assert [d.service for d in ledger.deployments("production")] == ["frontend", "backend"]
    assert [d.service for d in ledger.deployments("production", "backend")] == ["backend"]
    assert len(ledger.deployments("production", limit=1)) == 1


def test_an_unknown_release_has_no_standing(ledger: Ledger, now: datetime) -> None:
    assert ledger.release("production", "backend", A) is None
    with pytest.raises(RefusedError) as caught:
        ledger.set_standing("production", "backend", A, Standing.BAD, evidence(now))
    assert caught.value.code == "unknown-release"
    assert "deployment record" in caught.value.mend


def test_a_deployment_by_a_run_names_it(ledger: Ledger, now: datetime) -> None:
    assert deploy(ledger, A, now, run="run-1").run == "run-1"


def test_a_time_without_a_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Exception, match="without a zone"):
        deploy(ledger, A, datetime(2026, 1, 1))  # noqa: DTZ001 - the fault that is planted
    assert ledger.deployments("production") == []
