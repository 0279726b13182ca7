"""The private folder: ours alone, gone with the work, swept after a crash."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from lastgood.drivers.database.postgres.client.private import private_folder, write_private
from lastgood.errors import StateError

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_removed_with_what_is_in_it(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    with private_folder(directory) as folder:
        write_private(folder / "password", "x")
        assert (folder / "password").stat().st_mode & 0o777 == 0o600

    assert list(directory.iterdir()) == []
    assert directory.stat().st_mode & 0o777 == 0o700


def test_the_living_are_left_alone_and_the_dead_swept(tmp_path: Path) -> None:
    (tmp_path / "dead").mkdir()
    (tmp_path / "dead" / "password").touch()
    (tmp_path / "dead.lock").touch()
    with private_folder(tmp_path) as one, private_folder(tmp_path) as two:
        assert one != two
        assert one.exists()
        assert not (tmp_path / "dead").exists()
        assert not (tmp_path / "dead.lock").exists()

    lock = os.open(tmp_path / "other.lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with private_folder(tmp_path):
        assert (tmp_path / "other.lock").exists()
    os.close(lock)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    place = private_folder(tmp_path / "file" / "below")
    with pytest.raises(StateError, match="no place for a password file"), place:
        pass
