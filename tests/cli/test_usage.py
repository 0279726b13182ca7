"""Words that make no sense, which environment is meant, and how much is said."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import pytest

from lastgood.cli.commands import COMMANDS, PLANNED
from lastgood.cli.main import LEADING, run
from lastgood.cli.session import COMMON

if TYPE_CHECKING:
    from lastgood.testing.stack import Stack

GOOD, BAD = "1a1a1a1", "2b2b2b2"


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("rolback",), "rollback"),
        (("rollback", "--confrim", "production"), "--confirm"),
        (("releases", "lst"), "list"),
        (("releases", "mark", BAD, "god", "--service", "backend", "--reason", "x"), "good"),
        (("rollback", "--method", "artefact"), "artifact"),
        (("check", "--service", "backnd"), "backend"),
        (("rollback", "--service", "backnd", "--confirm", "production"), "backend"),
        (("hold", "set", BAD, "--service", "backnd", "--reason", "x"), "backend"),
        (("gate", BAD, "--service", "backnd"), "backend"),
        (("releases", "list", "--service", "backnd"), "backend"),
        (("deployment", "record", "--service", "backnd", "--commit", BAD), "backend"),
        (("deployment", "list", "--service", "backnd"), "backend"),
        (("status", "--env", "prodction"), "production"),
        (("gate", ""), "no commit"),
        (("deployment", "record", "--service", "backend", "--commit", " "), "no commit"),
        (("hold", "set", BAD, "--service", "backend"), "--reason"),
        (("rollback", "--to", GOOD, "--drop", BAD), "--drop"),
        (("rollback", "--to", GOOD, "--to", BAD), "--to SERVICE=REVISION"),
        (("rollback", "--to", "backend="), "--to [SERVICE=]REVISION"),
        (("decide", "--affected", "101"), "0 to 100"),
        (("decide", "--affected", "nan"), "0 to 100"),
        (("rollback", "--accept-loss", "few"), "unknown"),
        (("decide", "--outage", "soon"), "12m"),
        (("decide", "--hotfix-in", "-5m"), "12m"),
    ],
)
def test_a_wrong_word_is_answered_with_the_right_one(
    stack: Stack, words: tuple[str, ...], near: str
) -> None:
    ran = stack.run(*words)
    assert ran.code == 2, ran
    assert near in ran.err
    assert ran.out == ""
    assert not stack.state.exists()


@pytest.mark.parametrize("planned", PLANNED)
def test_what_is_not_built_yet_says_so(planned: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*planned.split(), "create", "--env", "production", "--json"]) == 2
    said = json.loads(capsys.readouterr().out)["error"]
    assert (said["code"], planned in said["message"]) == ("not-built", True)
    assert said["cause"]
    assert said["mend"]


@pytest.mark.parametrize("commit", ["-x", "../other", "a\nb", "\x1b[31mred", "x" * 500])
def test_what_can_be_no_release_is_not_recorded(stack: Stack, commit: str) -> None:
    ran = stack.run("deployment", "record", "--service", "backend", f"--commit={commit}")
    assert ran.code == 5, ran
    assert "\x1b" not in ran.out + ran.err
    assert not stack.run("deployment", "list", "--json").json["deployments"]


@pytest.mark.parametrize("group", ["releases", "deployment", "hold", "incident"])
def test_a_group_alone_shows_its_commands(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([group]) == 2
    assert "Commands" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert f"lastgood {command}" in capsys.readouterr().out


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    assert "rollback" in capsys.readouterr().out


class TestEnvironments:
    @pytest.fixture
    def two(self, stack: Stack) -> Stack:
        stack.settings["environments"]["staging"] = {}
        stack.configure()
        return stack

    def test_the_option_comes_first(self, two: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENVIRONMENT", "production")
        assert two.run("status", "--env", "staging", "--json").json["environment"] == "staging"

    def test_then_the_variable(self, two: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ENVIRONMENT", "staging")
        assert two.run("status", "--json").json["environment"] == "staging"

    def test_then_production(self, two: Stack) -> None:
        assert two.run("status", "--json").json["environment"] == "production"

    def test_or_the_only_one(self, stack: Stack) -> None:
        environments = stack.settings["environments"]
        environments["live"] = environments.pop("production")
        stack.configure()
        assert stack.run("status", "--json").json["environment"] == "live"

    def test_a_confirmation_is_for_the_environment_that_is_meant(self, two: Stack) -> None:
        ran = two.run("rollback", "--env", "staging", "--confirm", "production", "--json")
        assert (ran.code, ran.json["error"]["code"]) == (4, "not-confirmed")


@pytest.mark.parametrize("env", [("--env", "staging"), ("--env=staging",)])
def test_the_common_options_may_stand_before_the_command(
    stack: Stack, env: tuple[str, ...]
) -> None:
    stack.settings["environments"]["staging"] = {}
    stack.configure()
    config = ("--config", str(stack.config))
    for words in (("status",), ("--json", "status"), ("status", "--json")):
        ran = stack.run(*config, *env, "--quiet", "--no-color", "--no-input", *words)
        assert (ran.code, ran.err) == (0, "")
    assert ran.json["environment"] == "staging"
    later = stack.run(*env, "status", "--env", "production", "--json")
    assert later.json["environment"] == "production"
    assert stack.run(*env, "hold", "show", "--json").json["holds"] == []
    assert stack.run("--env", "--json").code == 2


def test_every_common_option_may() -> None:
    names = {kind.__metadata__[0].default for kind, _ in COMMON.values()}
    assert names == LEADING.keys()


def test_the_configuration_is_found_upward(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    stack.build(GOOD)
    with contextlib.chdir(stack.folder("backend") / "releases"):
        assert run(["status"]) == 0
    assert "shop production" in capsys.readouterr().out


class TestHowMuchIsSaid:
    def test_quiet_says_nothing(self, stack: Stack) -> None:
        stack.build(GOOD)
        stack.good(GOOD)
        stack.deploy(BAD)
        for words in (
            ("rollback", "--confirm", "production"),
            ("status",),
            ("check",),
            ("report",),
            ("plan", "--to", GOOD),
        ):
            ran = stack.run(*words, "--quiet")
            assert (ran.out, ran.err) == ("", ""), words

    def test_but_an_error_is_said(self, stack: Stack) -> None:
        ran = stack.run("report", "--quiet")
        assert ran.code == 5
        assert "nothing has run" in ran.err

    def test_and_a_document_is_given(self, stack: Stack) -> None:
        stack.deploy(GOOD)
        ran = stack.run("check", "--quiet", "--json")
        assert ran.json["healthy"] is True
        assert ran.err == ""

    def test_no_colour_on_request(self, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORCE_COLOR", "1")
        stack.deploy(GOOD)
        assert "\x1b[32m" in stack.run("check").out
        plain = stack.run("check", "--no-color").out
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b[3" not in plain + stack.run("check").out
