"""`lastgood doctor`: its exit codes, its document, its words for people."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lastgood.testing.stack import Stack


def test_without_a_configuration_it_is_a_usage_error(lastgood: Callable[..., Any]) -> None:
    said = lastgood("doctor", "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "no-config"


def test_faults_of_the_configuration_are_all_listed(
    lastgood: Callable[..., Any], tmp_path: Path
) -> None:
    document = {"version": 1, "project": "shop", "environments": {"production": {"budgt": "5m"}}}
    document["stat"] = "x"
    (tmp_path / "lastgood.yaml").write_text(json.dumps(document))
    said = lastgood("doctor", "--json")
    assert said.code == 2
    assert "2 faults" in said.json["error"]["message"]


def test_what_is_missing_is_said_in_words_with_its_mend(
    lastgood: Callable[..., Any], tmp_path: Path
) -> None:
    assert lastgood("init").code == 0
    said = lastgood("doctor", "--no-color")
    assert said.code == 3
    rows = [line.split() for line in said.out.splitlines()]
    assert any(row[:2] == ["ok", "state"] for row in rows)
    assert any(row[:2] == ["FAIL", "services"] for row in rows)
    assert any(row[:2] == ["note", "runner"] for row in rows)
    assert "mend this:" in said.out
    assert "NOT READY: 1 of" in said.out
    assert "\x1b" not in said.out
    assert str(tmp_path) in said.out.replace("\n", "")


def test_a_changed_event_is_found(lastgood: Callable[..., Any], tmp_path: Path) -> None:
    assert lastgood("init").code == 0
    for words in (("open", "it is slow"), ("note", "and slower")):
        noted = lastgood("incident", *words)
        assert noted.code == 0, noted
    with closing(sqlite3.connect(tmp_path / ".lastgood" / "state.db")) as connection:
        connection.execute("DROP TRIGGER events_no_update")
        connection.execute("UPDATE events SET actor = 'nobody' WHERE seq = 1")
        connection.commit()
    said = lastgood("doctor", "--json")
    assert said.code == 3
    facts = {fact["name"]: fact for fact in said.json["checks"]}
    assert facts["events"]["ok"] is False
    assert "event 1 " in facts["events"]["what"]


def test_a_production_that_can_be_rolled_back_is_ready(stack: Stack) -> None:
    stack.build("1a1a1a1", "2b2b2b2")
    stack.good("1a1a1a1")
    stack.deploy("2b2b2b2")
    ran = stack.run("doctor", "--json")
    assert ran.json["ready"] is True, ran
    assert ran.code == 0
