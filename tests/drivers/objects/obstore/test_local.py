from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from lastgood.drivers.objects.obstore import local
from lastgood.drivers.objects.obstore.local import LocalObjects
from lastgood.errors import RefusedError, RemoteError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def open_to_all() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_to_all")
def test_everything_is_private(tmp_path: Path) -> None:
    store = LocalObjects(tmp_path / "deep" / "store")
    store.put("a/b/c", [b"x"])
    store.put_new("a/n", b"x")
    store.replace("r", b"x")
    for path in (tmp_path / "deep").rglob("*"):
        wanted = 0o700 if path.is_dir() else 0o600
        if path.name != "deep":
            assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_what_is_stored_was_synced_before_it_had_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut cannot be tried here: what is seen is the order of what was asked."""
    asked: list[str] = []
    sync, link = os.fsync, os.link

    def seen_sync(handle: int) -> None:
        asked.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def seen_link(*given: object, **named: object) -> None:
        asked.append("name")
        link(*given, **named)  # type: ignore[arg-type]  # passed on as it came

    store = LocalObjects(tmp_path)
    store.put("a", [b"x"])
    monkeypatch.setattr(os, "fsync", seen_sync)
    monkeypatch.setattr(os, "link", seen_link)
    store.put_new("manifest", b"x")
    assert asked == ["file", "name", "folder"]


def test_links_lead_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    root = tmp_path / "store"
    store = LocalObjects(root)
    store.put("a/b", [b"x"])
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    for key in ("folder/secret", "file"):
        with pytest.raises((RefusedError, RemoteError)):
            store.get(key)
    with pytest.raises(RemoteError):
        store.put("folder/new", [b"x"])
    assert [one.key for one in store.list("")] == ["a/b"]
    store.replace("file", b"ours")
    assert (outside / "secret").read_text() == "secret"
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_a_pipe_is_no_object(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    store = LocalObjects(tmp_path)
    with pytest.raises(RefusedError) as caught:
        store.get("pipe")
    assert caught.value.code == "no-object"
    assert store.list("") == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    import resource  # noqa: PLC0415 - the limit is of the whole process: set for one statement

    store = LocalObjects(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(RemoteError) as caught:
            store.put("a/dump", (bytes(1 << 20) for _ in range(4)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.code == "store-failed"
    assert "room" in caught.value.mend
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_root_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    store = LocalObjects(tmp_path / "file")
    with pytest.raises(RemoteError) as caught:
        store.put("a", [b"x"])
    assert caught.value.mend


def test_what_was_named_before_it_was_whole_is_an_object_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that who tidies up finds it, where the file system cannot hide it."""
    monkeypatch.setattr(local, "DESCRIPTORS", str(tmp_path / "absent"))
    store = LocalObjects(tmp_path / "store")
    seen: list[list[str]] = []

    def looking() -> Iterator[bytes]:
        yield b"x"
        seen.append([one.key for one in store.list("")])

    store.put("a/dump", looking())
    assert len(seen[0]) == 1
    assert seen[0][0].startswith("a/dump.unfinished-")
    assert [one.key for one in store.list("")] == ["a/dump"]
