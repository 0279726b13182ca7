"""Every fact a rollback needs, on real repositories, folders, servers and states."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import ssl
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from lastgood.app.doctor import doctor_document, examine, is_ready
from lastgood.app.facts import memory
from lastgood.app.facts.fact import Fact
from lastgood.app.facts.group import Group, gather
from lastgood.app.project import Project
from lastgood.engine.direct.spawn import take_runner_lock
from lastgood.errors import RefusedError
from lastgood.model.plan import Step, plan_digest
from lastgood.model.release import GoodEvidence, Standing
from lastgood.model.run import Run, RunState
from lastgood.model.watch import WatchKind
from lastgood.testing.hostile import HostileServer, Reply
from lastgood.testing.plans import plan_of
from lastgood.testing.remote import GitRemote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

OLD, LIVE = "aaaaaaaa", "bbbbbbbb"
NOW = datetime.now(UTC)


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with HostileServer() as server:
        version = json.dumps({"commit": LIVE}).encode()
        server.replies["/health"] = Reply(body=version)
        yield server


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """A service's folder: `LIVE` runs, `OLD` is kept."""
    path = tmp_path / "site"
    for name in (OLD, LIVE):
        (path / "releases" / name).mkdir(parents=True)
        (path / "releases" / name / "index.html").write_text(name)
    (path / "current").symlink_to(f"releases/{LIVE}")
    return path


def project_of(folder: Path, environment: dict[str, Any], **top: Any) -> Project:
    document = {"version": 1, "project": "shop", "environments": {"production": environment}, **top}
    (folder / "lastgood.yaml").write_text(json.dumps(document))
    return Project.open(folder / "lastgood.yaml")


def ready(folder: Path, server: HostileServer, deploy: Any) -> Project:
    """A project whose service and check are well."""
    url = f"http://127.0.0.1:{server.port}"
    check = {"url": f"{url}/health", "version": {"json": "commit"}}
    service = {"deploy": deploy, "checks": ["health"], "instances": [url]}
    return project_of(folder, {"services": {"site": service}, "checks": {"health": check}})


def record(project: Project, *commits: str, good: str | None) -> None:
    """Deployments in their order; one of them is known good."""
    for number, commit in enumerate(commits):
        at = NOW - timedelta(hours=len(commits) - number)
        project.state.ledger.record_deployment(
            "production", "site", commit, at=at, by="ada", source="test"
        )
    if good:
        evidence = GoodEvidence(kind="mark", at=NOW, by="ada", reason="it was well for a week")
        project.state.ledger.set_standing("production", "site", good, Standing.KNOWN_GOOD, evidence)


async def facts_of(project: Project) -> dict[str, Fact]:
    facts = await examine(project)
    named = {fact.name: fact for fact in facts}
    assert len(named) == len(facts)
    assert all(fact.mend for fact in facts if not fact.ok)
    assert all("\n" not in fact.what + fact.mend for fact in facts)
    return named


def failing(facts: dict[str, Fact]) -> set[str]:
    return {name for name, fact in facts.items() if not fact.ok}


async def test_what_could_be_rolled_back_now_is_ready(
    tmp_path: Path, releases: Path, server: HostileServer
) -> None:
    project = ready(tmp_path, server, {"driver": "releases", "path": str(releases)})
    record(project, OLD, LIVE, good=OLD)
    facts = await facts_of(project)
    assert failing(facts) == set()
    assert facts["site: target"].what.endswith("it was well for a week")
    assert f"{OLD} can be deployed now" in facts["site: by releases"].what
    assert LIVE in facts["site: runs"].what
    assert facts["site: instances"].what == "1 are known"
    document = doctor_document(list(facts.values()))
    assert document["ready"] is True
    assert set(document["checks"][0]) == {"name", "ok", "what", "mend"}


async def test_a_state_is_begun_in_private(tmp_path: Path) -> None:
    facts = await facts_of(project_of(tmp_path, {"budget": "5m"}))
    assert failing(facts) == {"services"}
    assert "kept for later" not in facts
    assert (tmp_path / ".lastgood").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / ".lastgood" / "state.db").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / ".lastgood" / "doctor.probe").exists()


async def test_one_changed_event_is_found_and_named(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"budget": "5m"})
    for number in range(5):
        project.state.events.append("test.happened", "ada", f"number {number}", at=NOW)
    project.state.close()
    with closing(sqlite3.connect(tmp_path / ".lastgood" / "state.db")) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET text = 'nothing happened' WHERE seq = 3")
        connection.commit()
    facts = await facts_of(Project.open(tmp_path / "lastgood.yaml"))
    assert "events" in failing(facts)
    assert facts["events"].what.startswith("event 3 is not as it was written")


async def test_a_damaged_page_of_the_state_is_found(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"budget": "5m"})
    record(project, OLD, LIVE, good=OLD)
    path = project.state.path
    project.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        page = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = 'holds'"
        ).fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(content)
    facts = await facts_of(Project.open(tmp_path / "lastgood.yaml"))
    assert "state is whole" in failing(facts)
    assert str(path) in facts["state is whole"].mend


async def test_what_is_written_and_not_read_yet_is_a_note(tmp_path: Path) -> None:
    written = {
        "services": {"site": {"deploy": {"driver": "releases", "path": "x"}}},
        "maintenance": {"driver": "command", "enable": ["./on"]},
        "contacts": {"primary": {"name": "Ada"}},
    }
    project = project_of(tmp_path, written, drills={"environment": "production"})
    fact = (await facts_of(project))["kept for later"]
    assert fact.ok
    assert fact.mend
    above = "environments.production"
    assert fact.what.partition(": ")[2].split(", ") == [
        f"{above}.maintenance",
        f"{above}.contacts",
        "drills",
    ]


async def test_a_state_that_others_may_read_or_replace_is_named(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"budget": "5m"})
    path = project.state.path
    path.chmod(0o644)
    facts = await facts_of(project)
    assert facts["state is private"].mend.startswith(f"chmod 600 {path}")
    assert not facts["state is private"].ok
    for companion in path.parent.glob("state.db*"):
        companion.chmod(0o600)
    path.parent.chmod(0o777)
    facts = await facts_of(project)
    assert not facts["state is private"].ok
    path.parent.chmod(0o755)
    facts = await facts_of(project)
    assert facts["state is private"].ok
    assert facts["state is private"].mend == f"chmod 700 {path.parent}"


async def test_a_broken_state_hides_nothing_else(
    tmp_path: Path, releases: Path, server: HostileServer
) -> None:
    project = ready(tmp_path, server, {"driver": "releases", "path": str(releases)})
    (tmp_path / ".lastgood").mkdir(mode=0o700)
    (tmp_path / ".lastgood" / "state.db").write_bytes(b"no database" * 1000)
    facts = await facts_of(project)
    assert failing(facts) == {"state", "events", "site", "work"}
    assert facts["check health"].ok


async def test_a_folder_without_room_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "FREE_BYTES", 1 << 62)
    facts = await facts_of(project_of(tmp_path, {"budget": "5m"}))
    assert "disk" in failing(facts)


async def test_a_clock_that_went_back_is_noticed(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"budget": "5m"})
    ahead = datetime.now(UTC) + timedelta(hours=2)
    project.state.events.append("test.happened", "ada", "later", at=ahead)
    facts = await facts_of(project)
    assert "clock" in failing(facts)
    assert "in the future" in facts["clock"].what


async def test_nothing_known_good_says_how_to_record_one(
    tmp_path: Path, releases: Path, server: HostileServer
) -> None:
    project = ready(tmp_path, server, {"driver": "releases", "path": str(releases)})
    record(project, OLD, LIVE, good=None)
    facts = await facts_of(project)
    assert failing(facts) == {"site: target"}
    assert "lastgood releases mark COMMIT good" in facts["site: target"].mend


async def test_only_what_runs_is_known_good(
    tmp_path: Path, releases: Path, server: HostileServer
) -> None:
    project = ready(tmp_path, server, {"driver": "releases", "path": str(releases)})
    record(project, OLD, LIVE, good=LIVE)
    assert failing(await facts_of(project)) == {"site: target"}


async def test_a_release_directory_that_vanished_is_named(
    tmp_path: Path, releases: Path, server: HostileServer
) -> None:
    project = ready(tmp_path, server, {"driver": "releases", "path": str(releases)})
    record(project, OLD, LIVE, good=OLD)
    record(project, "cccccccc", LIVE, good="cccccccc")
    facts = await facts_of(project)
    assert failing(facts) == {"site: by releases"}
    said = facts["site: by releases"].what
    assert f"{OLD} can be deployed now" in said
    assert "cccccccc cannot" in said


async def test_a_held_release_is_no_target(
    tmp_path: Path, releases: Path, server: HostileServer
) -> None:
    project = ready(tmp_path, server, {"driver": "releases", "path": str(releases)})
    record(project, OLD, LIVE, good=OLD)
    project.state.holds.set("production", "site", OLD, reason="it leaks", by="ada", at=NOW)
    facts = await facts_of(project)
    assert failing(facts) == {"site: target"}
    assert OLD in facts["holds"].what
    assert "hold release" in facts["holds"].mend


@pytest.fixture
def remote(tmp_path: Path) -> GitRemote:
    return GitRemote(tmp_path / "remote.git")


async def test_a_repository_that_answers_and_would_take_a_push(
    tmp_path: Path, remote: GitRemote, server: HostileServer
) -> None:
    good = remote.commit({"index.html": "good"})
    bad = remote.commit({"index.html": "bad"})
    server.replies["/health"] = Reply(body=json.dumps({"commit": bad}).encode())
    project = ready(tmp_path, server, {"driver": "git", "repository": str(remote.place)})
    record(project, good, bad, good=good)
    before = remote.refs()
    facts = await facts_of(project)
    assert failing(facts) == set()
    assert bad[:12] in facts["repository of site"].what
    assert facts["repository of site: push"].what.startswith("main would take a push")
    assert "its check" in facts["site: runs"].what
    assert remote.refs() == before
    assert (tmp_path / ".lastgood").stat().st_mode & 0o777 == 0o700


async def test_a_broken_remote_hides_no_other_fact(tmp_path: Path, server: HostileServer) -> None:
    project = ready(tmp_path, server, {"driver": "git", "repository": str(tmp_path / "gone.git")})
    record(project, "a" * 40, "b" * 40, good="a" * 40)
    facts = await facts_of(project)
    assert failing(facts) == {"repository of site", "site: by git"}
    assert facts["check health"].ok
    assert "gone.git" in facts["repository of site"].what


async def test_a_branch_that_is_not_there_is_named(
    tmp_path: Path, remote: GitRemote, server: HostileServer
) -> None:
    remote.commit({"a": "b"})
    deploy = {"driver": "git", "repository": str(remote.place), "branch": "live"}
    facts = await facts_of(ready(tmp_path, server, deploy))
    assert "has no branch live" in facts["repository of site"].what
    assert "repository of site" in failing(facts)


@pytest.mark.parametrize(("driver", "needed"), [("git", True), ("releases", False)])
async def test_a_remote_that_takes_no_push_matters_where_a_rollback_pushes(
    tmp_path: Path,
    releases: Path,
    remote: GitRemote,
    server: HostileServer,
    monkeypatch: pytest.MonkeyPatch,
    driver: str,
    needed: bool,  # noqa: FBT001 - a case of the table
) -> None:
    remote.commit({"a": "1"})
    remote.commit({"a": "2"})
    # A host with a read-only key serves what is read, and answers a push like this.
    wrapper = tmp_path / "bin" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        '#!/bin/sh\nfor word in "$@"; do [ "$word" = push ] && '
        "{ echo 'ERROR: Permission to shop.git denied to ada.' >&2; exit 128; }; done\n"
        f'exec {shutil.which("git")} "$@"\n'
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    deploy = {"driver": driver, "repository": str(remote.place)}
    if driver == "releases":
        deploy["path"] = str(releases)
    facts = await facts_of(ready(tmp_path, server, deploy))
    push = facts["repository of site: push"]
    assert "denied to ada" in push.what
    assert push.ok is not needed
    assert push.mend


async def test_without_a_version_git_cannot_be_proven(
    tmp_path: Path, remote: GitRemote, server: HostileServer
) -> None:
    remote.commit({"a": "1"})
    check = {"url": f"http://127.0.0.1:{server.port}/health"}
    service = {"deploy": {"driver": "git", "repository": str(remote.place)}, "checks": ["health"]}
    project = project_of(tmp_path, {"services": {"site": service}, "checks": {"health": check}})
    facts = await facts_of(project)
    assert "unproven" in facts["site: proof"].what
    assert "site: proof" in failing(facts)
    assert facts["repository of site: push"].ok  # its only commit cannot be taken out: not tried
    assert "not tried" in facts["repository of site: push"].what


async def test_a_missing_instance_list_is_a_warning(
    tmp_path: Path, releases: Path, server: HostileServer
) -> None:
    check = {"url": f"http://127.0.0.1:{server.port}/health"}
    service = {"deploy": {"driver": "releases", "path": str(releases)}, "checks": ["health"]}
    project = project_of(tmp_path, {"services": {"site": service}, "checks": {"health": check}})
    record(project, OLD, LIVE, good=OLD)
    facts = await facts_of(project)
    assert failing(facts) == set()
    assert facts["site: instances"].mend
    assert "deploy driver alone" in facts["site: proof"].what
    assert facts["site: proof"].mend


async def test_an_instance_that_does_not_say_its_version(
    tmp_path: Path, releases: Path, server: HostileServer
) -> None:
    url = f"http://127.0.0.1:{server.port}"
    check = {"url": f"{url}/health", "version": {"json": "commit"}}
    service = {
        "deploy": {"driver": "releases", "path": str(releases)},
        "checks": ["health"],
        "instances": [url, "http://127.0.0.1:1"],
    }
    project = project_of(tmp_path, {"services": {"site": service}, "checks": {"health": check}})
    record(project, OLD, LIVE, good=OLD)
    facts = await facts_of(project)
    assert failing(facts) == {"site: instances"}
    assert "http://127.0.0.1:1 " in facts["site: instances"].what


async def test_an_instance_that_kept_another_release(
    tmp_path: Path, releases: Path, server: HostileServer
) -> None:
    project = ready(tmp_path, server, {"driver": "releases", "path": str(releases)})
    record(project, OLD, LIVE, good=OLD)
    server.replies["/health"] = Reply(body=json.dumps({"commit": OLD}).encode())
    facts = await facts_of(project)
    assert "site: instances" in failing(facts)
    assert f"answers {OLD}; {LIVE} should run" in facts["site: instances"].what


async def test_sick_and_hanging_checks_are_shown_and_hide_nothing(
    tmp_path: Path, server: HostileServer
) -> None:
    url = f"http://127.0.0.1:{server.port}"
    server.replies["/sick"] = Reply(status=500)
    checks = {
        "well": {"url": f"{url}/ok"},
        "sick": {"url": f"{url}/sick"},
        "hangs": {"url": f"{url}/hang", "timeout": "500ms"},
        "closed": {"tcp": "127.0.0.1:1"},
    }
    facts = await facts_of(project_of(tmp_path, {"checks": checks}))
    assert failing(facts) == {"services", "check sick", "check hangs", "check closed"}
    assert "500" in facts["check sick"].what
    assert facts["check well"].what.startswith("healthy 200 in")
    assert facts["connectivity"].ok


async def test_nothing_answers_at_all_may_be_our_own_network(tmp_path: Path) -> None:
    facts = await facts_of(project_of(tmp_path, {"checks": {"closed": {"tcp": "127.0.0.1:1"}}}))
    assert "connectivity" in failing(facts)
    assert "own network" in facts["connectivity"].mend


async def test_signals_must_be_there_and_fresh(tmp_path: Path) -> None:
    def log(name: str, age_s: float) -> dict[str, str]:
        entry = {"ts": time.time() - age_s, "status": 200, "user": "u1"}
        (tmp_path / name).write_text(json.dumps(entry) + "\n")
        return {"driver": "access-log", "path": str(tmp_path / name), "user": "user"}

    signals = {
        "fresh": log("fresh.json", 1),
        "quiet": log("quiet.json", 120),
        "stale": log("stale.json", 7200),
        "absent": {"driver": "access-log", "path": str(tmp_path / "no.json"), "user": "user"},
    }
    facts = await facts_of(project_of(tmp_path, {"signals": signals}))
    assert failing(facts) == {"services", "signal stale", "signal absent"}
    assert "0 of 1 users" in facts["signal fresh"].what
    assert "old" in facts["signal stale"].what


async def test_a_watch_needs_somebody_who_keeps_it(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"budget": "5m"})
    assert (await facts_of(project))["runner"].ok
    project.state.watches.add(
        "production", WatchKind.SOAK, LIVE,
        since=NOW, until=NOW + timedelta(hours=1), service="site",
    )  # fmt: skip
    facts = await facts_of(project)
    assert "runner" in failing(facts)
    assert "soak of site" in facts["runner"].what
    lock = take_runner_lock(tmp_path / ".lastgood")
    assert lock is not None
    try:
        assert (await facts_of(project))["runner"].ok
    finally:
        os.close(lock)


async def test_an_interrupted_run_is_named_with_resume(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"budget": "5m"})
    plan = plan_of(Step(id="one", name="one", kind="test"))
    run = Run(
        id="run-20261122-105301-ab12", environment="production", plan=plan,
        plan_digest=plan_digest(plan), epoch=1, state=RunState.OPEN, by="ada", commanded_at=NOW,
    )  # fmt: skip
    project.state.locks.take("production", run.id, "ada@laptop", NOW)
    project.state.journal.create_run(run)
    facts = await facts_of(project)
    assert failing(facts) == {"services", "runs"}
    assert run.id in facts["runs"].what
    assert "lastgood resume" in facts["runs"].mend
    assert facts["lock"].what == f"held by {run.id}"
    lock = take_runner_lock(tmp_path / ".lastgood")
    assert lock is not None
    try:
        assert (await facts_of(project))["runs"].what == f"{run.id} is going on"
    finally:
        os.close(lock)


async def test_a_certificate_that_ends_soon_is_a_warning(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "roots.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    soon = datetime.now(UTC) + timedelta(days=3)
    authority.issue_cert("127.0.0.1", not_after=soon).configure_cert(context)
    async with HostileServer(context) as server:
        check = {"url": f"https://127.0.0.1:{server.port}/ok", "ca": "roots.pem"}
        facts = await facts_of(project_of(tmp_path, {"checks": {"home": check}}))
    assert facts["check home"].ok
    assert f"it ends {soon:%Y-%m-%d}" in facts["check home"].mend


async def test_a_lock_of_a_run_that_is_gone_is_named(tmp_path: Path) -> None:
    project = project_of(tmp_path, {"budget": "5m"})
    project.state.locks.take("production", "run-1", "ada@laptop", NOW)
    facts = await facts_of(project)
    assert "lock" in failing(facts)
    assert "lastgood unlock" in facts["lock"].mend


async def test_a_deploy_tool_that_hangs_or_fails_hides_no_other_service(
    tmp_path: Path, releases: Path, server: HostileServer
) -> None:
    url = f"http://127.0.0.1:{server.port}"
    deploy = ["true", "{commit}"]
    services = {
        "site": {"deploy": {"driver": "releases", "path": str(releases)}, "checks": ["health"]},
        "hangs": {
            "deploy": {"driver": "command", "deploy": deploy, "current": ["sleep", "600"],
                       "current_timeout": "1s"},
            "checks": ["health"],
        },
        "fails": {
            "deploy": {"driver": "command", "deploy": deploy,
                       "current": ["sh", "-c", "printf '\\033[31mno key' >&2; exit 3"]},
            "checks": ["health"],
        },
    }  # fmt: skip
    checks = {"health": {"url": f"{url}/health", "version": {"json": "commit"}}}
    project = project_of(tmp_path, {"services": services, "checks": checks})
    record(project, OLD, LIVE, good=OLD)
    project.state.ledger.record_deployment(
        "production", "fails", LIVE, at=NOW, by="ada", source="test"
    )
    facts = await facts_of(project)
    assert facts["site: by releases"].ok
    assert {"hangs: runs", "fails: runs"} <= failing(facts)
    assert "site: runs" not in failing(facts)
    assert "no key" in facts["fails: runs"].what
    assert "\033" not in facts["fails: runs"].what


async def test_secrets_are_not_shown(
    tmp_path: Path, server: HostileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCTOR_SECRET", "hunter2-hunter2")
    (tmp_path / "current").write_text("#!/bin/sh\necho wrong key hunter2-hunter2 >&2\nexit 1\n")
    (tmp_path / "current").chmod(0o755)
    check = {
        "url": f"http://127.0.0.1:{server.port}/health",
        "headers": {"X-Key": "${DOCTOR_SECRET}"},
    }
    deploy = {"driver": "command", "deploy": ["true", "{commit}"], "current": ["./current"]}
    service = {"deploy": deploy, "checks": ["health"]}
    project = project_of(tmp_path, {"services": {"site": service}, "checks": {"health": check}})
    record(project, OLD, LIVE, good=OLD)
    facts = await facts_of(project)
    assert "wrong key" in facts["site: runs"].what
    assert "hunter2" not in json.dumps(doctor_document(list(facts.values())))


async def _yields(*facts: Fact, then: Any = None) -> AsyncIterator[Fact]:
    for fact in facts:
        yield fact
    if then is not None:
        await then()


FIRST = Fact(name="first", ok=True, what="seen")


async def test_what_was_found_before_a_hang_counts() -> None:
    async def waits() -> None:
        await asyncio.sleep(600)

    found = await gather([
        Group("slow", 0.2, lambda: _yields(FIRST, then=waits)),
        Group("quick", 5, lambda: _yields(FIRST)),
    ])  # fmt: skip
    assert [(fact.name, fact.ok) for fact in found] == [
        ("first", True), ("slow", False), ("first", True),
    ]  # fmt: skip


async def test_what_blocks_its_thread_is_left_behind() -> None:
    free = threading.Event()

    async def blocks() -> None:
        free.wait(60)  # as reading from a network drive that is gone does

    try:
        found = await gather(
            [Group("drive", 0.1, lambda: _yields(FIRST, then=blocks))], grace_s=0.1
        )
    finally:
        free.set()
    assert [(fact.name, fact.ok) for fact in found] == [("first", True), ("drive", False)]


async def test_errors_and_broken_drivers_become_facts() -> None:
    async def refuses() -> None:
        raise RefusedError("no", cause="because", mend="do this")

    async def breaks() -> None:
        raise ZeroDivisionError("oh")

    found = await gather([
        Group("refuses", 5, lambda: _yields(then=refuses)),
        Group("breaks", 5, lambda: _yields(then=breaks)),
    ])  # fmt: skip
    assert found[0] == Fact(name="refuses", ok=False, what="no: because", mend="do this")
    assert "ZeroDivisionError: oh" in found[1].what
    assert not is_ready(found)
