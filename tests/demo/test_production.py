"""The miniature production while it lives: shipping, breaking, restarting."""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lastgood.demo import remote
from lastgood.demo.deployer import read_status
from lastgood.demo.production import Fault, Production

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.demo.traffic import Traffic

pytestmark = [
    pytest.mark.production,
    pytest.mark.linux,
    pytest.mark.xdist_group("production"),
    pytest.mark.timeout(240),
]


def answer(url: str, body: object = None, user: str = "") -> tuple[int, Any]:
    request = urllib.request.Request(  # noqa: S310 - our own http address
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"X-User-Hash": user, "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as got:  # noqa: S310 - likewise
            return got.status, json.loads(got.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or "null")


def live_versions(production: Production) -> dict[str, str]:
    """The commit that each part says it runs."""
    said = {url: answer(f"{url}/health")[1]["commit"] for url in production.instances}
    said["edge"] = answer(f"{production.edge_url}/health")[1]["commit"]
    said["frontend"] = answer(f"{production.edge_url}/version.json")[1]["commit"]
    return said


@pytest.fixture
def traffic(production: Production) -> Iterator[Traffic]:
    production.traffic.start()
    yield production.traffic
    production.traffic.stop()


@pytest.fixture
def healed(production: Production) -> Iterator[None]:
    """After a test that ships a bad release."""
    yield
    assert production.ship().outcome == "deployed"


def test_every_part_answers_with_the_shipped_commit(production: Production) -> None:
    shipped = production.ship()

    assert shipped.outcome == "deployed"
    assert shipped.jobs == {"backend": "success", "frontend": "success"}
    assert set(live_versions(production).values()) == {shipped.commit}
    assert production.live_commit("backend") == shipped.commit
    assert production.live_commit("frontend") == shipped.commit
    for service in ("backend", "frontend"):
        assert (production.service_path(service) / "releases" / shipped.commit).is_dir()


def test_the_application_stands_on_its_database(production: Production) -> None:
    api = f"{production.edge_url}/api"

    placed = answer(f"{api}/orders", {"item": "scones"}, user="somebody")[1]["id"]

    assert answer(f"{api}/orders", user="somebody")[1]["orders"][0] == {
        "id": placed,
        "item": "scones",
    }
    assert answer(f"{api}/users")[1] == {"users": 200}
    assert answer(f"{api}/auth/login", {"username": "probe", "password": "no"})[0] == 401


def test_the_access_log_names_the_user_of_each_request(production: Production) -> None:
    answer(f"{production.edge_url}/api/users", user="a-user-of-the-log")

    lines = production.access_log.read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]

    (seen,) = [
        entry
        for entry in entries
        if entry["request"]["headers"].get("X-User-Hash") == ["a-user-of-the-log"]
    ]
    assert (seen["status"], seen["request"]["uri"]) == (200, "/api/users")


def test_a_good_deployment_fails_no_request(production: Production, traffic: Traffic) -> None:
    since = datetime.now(UTC)
    shipped = production.ship()
    traffic.stop()

    seen = traffic.count(since)

    assert shipped.outcome == "deployed"
    assert seen.requests > 100
    assert seen.failed == 0


@pytest.mark.usefixtures("healed")
def test_a_fault_meets_its_share_of_the_users_while_health_is_good(
    production: Production, traffic: Traffic
) -> None:
    shipped = production.ship(Fault("errors", share=0.6))
    since = datetime.now(UTC)
    while traffic.count(since).users < production.layout.traffic_users:
        time.sleep(0.2)

    seen = traffic.count(since)

    assert shipped.outcome == "deployed"
    assert answer(f"{production.edge_url}/health")[0] == 200
    assert 0.55 < seen.share_users_failed < 0.65
    assert 0.4 < traffic.share_failed(since) < 0.65


@pytest.mark.usefixtures("healed")
def test_a_slow_release_answers_late_and_well(production: Production) -> None:
    shipped = production.ship(Fault("latency", share=1.0, seconds=0.5))
    begun = time.monotonic()

    status, _ = answer(f"{production.edge_url}/api/users", user="anybody")

    assert shipped.outcome == "deployed"
    assert status == 200
    assert time.monotonic() - begun >= 0.5
    assert answer(f"{production.edge_url}/health")[0] == 200


@pytest.mark.usefixtures("healed")
def test_a_failure_in_the_second_job_leaves_the_deployment_half_done(
    production: Production,
) -> None:
    before = production.ship()

    half = production.ship(fail_job="frontend")

    assert half.outcome == "failed"
    assert half.jobs == {"backend": "success", "frontend": "failure"}
    said = live_versions(production)
    assert said.pop("frontend") == before.commit
    assert set(said.values()) == {half.commit}


@pytest.mark.usefixtures("healed")
def test_a_release_that_does_not_start_reaches_one_instance_only(production: Production) -> None:
    before = production.ship()

    crashed = production.ship(Fault("crash"))

    assert crashed.outcome == "failed"
    assert "its process ends at its start" in Path(crashed.log).read_text(encoding="utf-8")
    assert answer(f"{production.instances[1]}/health")[1]["commit"] == before.commit
    assert answer(f"{production.edge_url}/health")[1]["commit"] == before.commit


def test_another_process_restarts_the_backend_and_fails_no_request(
    production: Production, traffic: Traffic
) -> None:
    def processes() -> list[str]:
        started = []
        for url in production.instances:
            with urllib.request.urlopen(f"{url}/health") as got:  # noqa: S310 - our own http
                started.append(got.headers["X-Instance"])
        return started

    before = processes()
    since = datetime.now(UTC)

    subprocess.run(production.restart_command("backend"), check=True, env={}, cwd="/")
    traffic.stop()

    assert not set(before) & set(processes())
    assert traffic.count(since).failed == 0
    assert production.restart_command("frontend") == []


def test_pushes_are_deployed_one_after_the_other_in_their_order(production: Production) -> None:
    first, second = (remote.commit(production.layout, ["backend"], None, None) for _ in "12")

    later = production.wait_deployed(second)

    earlier = read_status(production.layout, first)
    assert earlier is not None
    assert earlier.finished_at is not None
    assert earlier.finished_at <= later.started_at
    assert set(live_versions(production).values()) == {second}


def test_a_push_to_another_branch_deploys_nothing(production: Production) -> None:
    work = production.layout.work
    live = production.live_commit("backend")

    remote.git(work, "commit", "--quiet", "--allow-empty", "--message", "Try something")
    remote.git(work, "push", "--quiet", "origin", "HEAD:refs/heads/experiment")
    commit = remote.git(work, "rev-parse", "HEAD").strip()
    shipped = production.ship()

    assert shipped.outcome == "deployed"
    assert read_status(production.layout, commit) is None
    assert live != shipped.commit
