"""Text from outside never acts on a terminal, and secrets are never shown anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from lastgood.testing.stack import Stack

GOOD, BAD = "1a1a1a1", "2b2b2b2"
HOSTILE = "\x1b[2J\x1b]0;pwned\x07\x9b31m\u202eleaks"


def acts(text: str) -> bool:
    return any(sign in text for sign in ("\x1b", "\x07", "\x9b", "\u202e"))


def test_what_people_and_machines_wrote_does_not_act(stack: Stack) -> None:
    """Names, reasons, titles, notes, actors, versions, whatever is shown later."""
    stack.build(GOOD)
    (stack.folder("backend") / "releases" / "\x1b[31mred").mkdir()
    stack.good(GOOD)
    stack.deploy(BAD)
    service = ("--service", "backend")
    writing: tuple[tuple[str, ...], ...] = (
        ("incident", "open", HOSTILE),
        ("incident", "note", HOSTILE),
        ("hold", "set", BAD, *service, "--reason", HOSTILE),
        ("releases", "mark", BAD, "bad", *service, "--reason", HOSTILE),
        ("releases", "import"),
        ("deployment", "record", *service, "--commit", BAD, "--by", HOSTILE),
    )
    for words in writing:
        ran = stack.run(*words)
        assert ran.code == 0, ran
        assert not acts(ran.out + ran.err), words
    assert stack.rollback("--reason", HOSTILE).code == 0
    stack.instances["backend"].keeps = f"`{HOSTILE}\nx"
    showing: tuple[tuple[str, ...], ...] = (
        ("status",),
        ("check",),
        ("plan",),
        ("incident", "show"),
        ("incident", "list"),
        ("hold", "show"),
        ("releases", "list"),
        ("deployment", "list"),
        ("report",),
        ("incident", "show", "--json"),
        ("rollback", "--to", HOSTILE, "--confirm", "production", "--json"),
        ("gate", HOSTILE),
        ("decide",),
        ("rollback", "--to", HOSTILE, "--confirm", "production"),
        ("rollback", "--confirm", HOSTILE),
        ("nonsense\x1b[2J",),
        ("status", "--env", HOSTILE),
        ("check", "--service", HOSTILE),
    )
    for words in showing:
        ran = stack.run(*words)
        assert not acts(ran.out + ran.err), (words, ran)
    for path in (stack.state / "reports").iterdir():
        if path.suffix == ".md":
            assert not acts(path.read_text(encoding="utf-8"))


SECRET = "s3cr3t-tok3n-of-the-shop"


def test_a_secret_is_shown_nowhere(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The restart prints it, the address and a header hold it; the process list is looked at."""
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    kept = stack.place / "token"  # a command's own place for it: variables are not handed on
    kept.write_text(SECRET, encoding="utf-8")
    processes = stack.place / "processes"
    listed = f"cat /proc/[0-9]*/cmdline > {processes} 2>&1"
    does = f"{listed}; cat {kept}; cat {kept} >&2; false"
    stack.service()["deploy"]["restart"] = ["sh", "-c", does]
    check = stack.environment["checks"]["backend"]
    check["headers"] = {"X-Token": "${SHOP_TOKEN}"}
    check["url"] = check["url"].replace("http://", "http://lastgood:${SHOP_TOKEN}@")
    stack.configure()
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    stack.fail(BAD)

    said = [stack.run(*words) for words in (("check",), ("check", "--json"), ("plan", "--json"))]
    failed = stack.rollback()
    said += [failed, stack.run("report"), stack.run("status", "--json"), stack.run("decide")]

    assert failed.code == 1
    assert failed.json["code"] == "restart-failed"
    assert "***" in stack.remembered()  # it was printed, and masked
    assert "lastgood.runner" in processes.read_text(encoding="utf-8", errors="replace")
    for ran in said:
        assert SECRET not in ran.out + ran.err
    stack.end_runner()
    for path in _files(stack.state):
        assert SECRET.encode() not in path.read_bytes(), path
    assert SECRET.encode() not in processes.read_bytes()


def test_what_a_person_pastes_is_kept_without_a_secret(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A title, a note, a reason: all of them are kept for good, and shown in reports."""
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    stack.environment["checks"]["backend"]["headers"] = {"X-Token": "${SHOP_TOKEN}"}
    stack.configure()
    stack.build(GOOD)
    stack.good(GOOD)
    stack.deploy(BAD)
    pasted = f"curl -H 'X-Token: {SECRET}' fails"
    service = ("--service", "backend")
    writing: tuple[tuple[str, ...], ...] = (
        ("incident", "open", pasted),
        ("incident", "note", pasted),
        ("hold", "set", BAD, *service, "--reason", pasted),
        ("releases", "mark", BAD, "bad", *service, "--reason", pasted),
        ("incident", "show"),
        ("incident", "resolve", "--note", pasted),
    )
    for words in writing:
        ran = stack.run(*words)
        assert ran.code == 0, ran
        assert SECRET not in ran.out + ran.err
    assert stack.rollback("--reason", pasted).code == 0
    assert "***" in stack.remembered()
    stack.end_runner()
    for path in _files(stack.state):
        assert SECRET.encode() not in path.read_bytes(), path


def test_what_a_log_and_a_library_say_hides_a_secret(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The found line holds it, the signal's path is made of it, a fault's words repeat it."""
    monkeypatch.setenv("SHOP_TOKEN", SECRET)
    log = stack.place / "app.log"
    log.write_text(f"CRITICAL login with {SECRET} refused\n", encoding="utf-8")
    stack.environment["checks"]["log"] = {"log": str(log), "fail_on": "CRITICAL.*"}
    path = str(stack.place / "${SHOP_TOKEN}.json")
    signal = {"driver": "access-log", "path": path, "user": "user"}
    stack.environment["signals"] = {"users_affected": signal}
    stack.environment["checks"]["backend"]["headers"] = {"X-Token": "${SHOP_TOKEN}"}
    stack.configure()
    said = [stack.run(*words, "--json") for words in (("check",), ("decide",), ("doctor",))]

    def break_down(*_: object, **__: object) -> None:
        raise ValueError(f"no login with {SECRET}")

    monkeypatch.setattr("lastgood.app.looking.look", break_down)
    said.append(stack.run("check", "--json"))

    assert "***" in said[0].out
    assert said[-1].json["error"]["code"] == "fault"
    assert "no login with ***" in said[-1].err
    for ran in said:
        assert SECRET not in ran.out + ran.err


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]
