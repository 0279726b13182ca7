"""Locks that are given back however their holder ends."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from lastgood.app.backups.turns import turn
from lastgood.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path

HOLDER = """
import sys, time, pathlib
from lastgood.app.backups.turns import turn
with turn(pathlib.Path(sys.argv[1])) as held:
    print(held.ours, flush=True)
    time.sleep(100)
"""


def test_one_holds_it_and_gives_it_back(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with turn(path) as first, turn(path) as second:
        assert (first.ours, second.ours) == (True, False)
    assert not path.exists()
    with turn(path) as again:
        assert again == (True, False)


def test_many_share_it_and_nobody_has_it_alone_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with turn(path, shared=True) as first, turn(path, shared=True) as second:
        assert first.ours
        assert second.ours
        with turn(path) as alone:
            assert not alone.ours
    with turn(path) as alone:
        assert alone == (True, False)
        with turn(path, shared=True) as shared:
            assert not shared.ours


def test_a_holder_that_was_killed_shows_as_crashed_once(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        with turn(path) as held:
            assert held == (False, False)
        holder.kill()
    with turn(path) as held:
        assert held == (True, True)
    with turn(path) as held:
        assert held == (True, False)


def test_one_that_ends_by_an_error_shows_as_crashed(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    with pytest.raises(ZeroDivisionError), turn(path):
        _ = 1 / 0
    with turn(path) as held:
        assert held == (True, True)


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(StateError) as raised, turn(tmp_path / "gone" / "a.lock"):
        pass
    assert raised.value.code == "state-unreachable"
