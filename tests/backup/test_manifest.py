from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.backup.made import backup, name_at, proof

from lastgood.backup.layout import is_id, new_id
from lastgood.backup.manifest import Backups
from lastgood.drivers.objects.obstore.local import LocalObjects
from lastgood.errors import RefusedError, RemoteError
from lastgood.model.backup import Backup, Part
from lastgood.model.noun import to_json
from lastgood.model.sealed import RecipientKind, WrappedKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from lastgood.ports.objects import ObjectStore


class Shelf:
    """A folder with backups."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = LocalObjects(root)
        self.backups = Backups(self.store, "production", "main")

    def put(self, hours: float = 0, names: Iterable[str] = ("dump", "roles")) -> Backup:
        """The parts of a backup, and the manifest that is to be written for them."""
        name = name_at(hours)
        parts = tuple(
            Part(
                name=part,
                key=self.backups.key(name, part),
                bytes=self.store.put(self.backups.key(name, part), [part.encode()]),
                sha256="",
            )
            for part in names
        )
        return backup(hours, parts=parts)

    def made(self, hours: float = 0) -> Backup:
        made = self.put(hours)
        self.backups.commit(made)
        return made

    def codes(self) -> list[str]:
        return sorted(problem.code for problem in self.backups.all().problems)

    def names(self) -> list[str]:
        return [one.backup.id for one in self.backups.all().backups]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "store")


def refused(act: Callable[..., object], *given: object) -> str:
    with pytest.raises(RefusedError) as caught:
        act(*given)
    assert caught.value.cause
    assert caught.value.mend
    return caught.value.code


moments = st.integers(10**12, 4 * 10**12).map(
    lambda milliseconds: (
        datetime.fromtimestamp(milliseconds // 1000, UTC)
        + timedelta(milliseconds=milliseconds % 1000)
    )
)


@given(st.lists(moments, unique=True))
def test_names_sort_as_their_times_do(times: list[datetime]) -> None:
    names = [new_id(time) for time in sorted(times)]
    assert names == sorted(names)
    assert all(map(is_id, names))


def test_two_of_one_moment_have_two_names() -> None:
    moment = datetime(2026, 8, 1, tzinfo=UTC)
    assert new_id(moment) != new_id(moment)
    zoned = moment.astimezone(tz=None)
    assert new_id(zoned)[:19] == new_id(moment)[:19]


def test_a_backup_is_one_when_its_manifest_is_there(shelf: Shelf) -> None:
    made = shelf.put()
    assert shelf.names() == []
    shelf.backups.commit(made)
    shelf.backups.commit(made)
    assert shelf.names() == [made.id]
    assert shelf.backups.read(made.id).backup == made
    assert shelf.codes() == []


def test_they_are_read_in_the_order_of_time(shelf: Shelf) -> None:
    made = [shelf.made(hours).id for hours in (12, 0, 6)]
    assert shelf.names() == sorted(made)


def test_another_databases_are_not_ours(shelf: Shelf) -> None:
    made = shelf.made()
    for environment, database in (("production", "main2"), ("production", "mai"), ("stag", "main")):
        assert Backups(shelf.store, environment, database).all() == ((), ())
    assert shelf.names() == [made.id]


def test_a_manifest_is_never_overwritten(shelf: Shelf) -> None:
    made = shelf.made()
    other = msgspec.structs.replace(made, seconds=99.0)
    assert refused(shelf.backups.commit, other) == "backup-exists"
    assert shelf.backups.read(made.id).backup == made


@pytest.mark.parametrize("fault", ["missing", "short"])
def test_what_is_not_whole_is_not_committed(shelf: Shelf, fault: str) -> None:
    made = shelf.put()
    if fault == "missing":
        shelf.store.delete([made.parts[0].key])
    else:
        shelf.store.replace(made.parts[0].key, b"x")
    assert refused(shelf.backups.commit, made) == "parts-missing"
    assert shelf.names() == []


def test_proofs_and_pins_lie_beside_it(shelf: Shelf) -> None:
    made = shelf.made()
    shelf.backups.prove(proof(made, restorable=False))
    assert not shelf.backups.read(made.id).restorable
    shelf.backups.prove(proof(made))
    shelf.backups.pin(made.id, "an audit")
    read = shelf.backups.read(made.id)
    assert read.restorable
    assert read.pinned == "an audit"
    assert shelf.backups.all().backups == (read,)
    shelf.backups.unpin(made.id)
    shelf.backups.unpin(made.id)
    assert shelf.backups.read(made.id).pinned == ""


def test_a_pin_without_a_reason_holds(shelf: Shelf) -> None:
    made = shelf.made()
    shelf.backups.pin(made.id, "")
    assert shelf.backups.read(made.id).pinned


@pytest.mark.parametrize("name", ["", "latest", "..", "../..", name_at(99), "a\x1b[2Jb"])
def test_what_is_not_there_is_refused(shelf: Shelf, name: str) -> None:
    shelf.made()
    for act in (shelf.backups.read, shelf.backups.remove):
        assert refused(act, name) == "no-backup"
    assert refused(shelf.backups.pin, name, "why") == "no-backup"


def test_a_removed_one_leaves_nothing(shelf: Shelf) -> None:
    gone, stays = shelf.made(0), shelf.made(6)
    shelf.backups.prove(proof(gone))
    shelf.backups.remove(gone.id)
    assert shelf.names() == [stays.id]
    assert shelf.store.list(f"production/main/{gone.id}") == []


def test_a_pinned_one_is_not_removed(shelf: Shelf) -> None:
    made = shelf.made()
    shelf.backups.pin(made.id, "an audit")
    assert refused(shelf.backups.remove, made.id) == "pinned"
    assert shelf.names() == [made.id]


def test_a_removal_that_was_cut_short_leaves_no_half_backup(shelf: Shelf) -> None:
    """Whatever the store does after however many deletions."""
    for most in range(3):
        made = shelf.made()
        failing = Tiring(shelf.store, most)
        with pytest.raises(RemoteError):
            Backups(failing, "production", "main").remove(made.id)
        whole = shelf.names() == [made.id]
        assert whole == (most == 0)
        assert shelf.codes() == []
        later = datetime.now(UTC) + timedelta(days=2)
        shelf.backups.sweep(shelf.backups.leftovers(later))
        if whole:
            shelf.backups.remove(made.id)
        assert shelf.store.list("") == []


class Tiring(LocalObjects):
    """A real store that answers so many deletions, and then no more."""

    def __init__(self, store: ObjectStore, most: int) -> None:
        assert isinstance(store, LocalObjects)
        super().__init__(store._root)
        self._left = most

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            if self._left == 0:
                raise RemoteError("the store is tired")
            self._left -= 1
            super().delete([key])


def test_rotation_changes_the_keys_and_nothing_else(shelf: Shelf) -> None:
    made = shelf.made()
    new = (WrappedKey(kind=RecipientKind.AGE, recipient="age1new", wrapped="eA=="),)
    rotated = msgspec.structs.replace(made, keys=new)
    shelf.backups.rewrite(made, new)
    assert shelf.backups.read(made.id).backup == rotated
    # By what was read before, and of one that is none, nothing is written.
    assert refused(shelf.backups.rewrite, made, made.keys) == "backup-changed"
    assert refused(shelf.backups.rewrite, backup(50), new) == "backup-changed"
    assert shelf.backups.read(made.id).backup == rotated
    assert shelf.names() == [made.id]


def test_rotation_keeps_what_a_newer_version_wrote(shelf: Shelf) -> None:
    made = shelf.made()
    key = shelf.backups.key(made.id, "manifest.json")
    shelf.store.replace(key, shelf.store.get(key)[:-1] + b',"newer":{"words":[1]}}')
    new = (WrappedKey(kind=RecipientKind.AGE, recipient="age1new", wrapped="eA=="),)
    shelf.backups.rewrite(made, new)
    assert b'"newer":{"words":[1]}' in shelf.store.get(key)
    assert shelf.backups.read(made.id).backup.keys == new


DAMAGED: dict[str, tuple[str, bytes]] = {
    "empty": ("damaged-manifest", b""),
    "cut off": ("damaged-manifest", to_json(backup())[:-5].encode()),
    "garbage": ("damaged-manifest", b"\x00\xff\x1b[2J"),
    "deep": ("damaged-manifest", b'{"x":' + b"[" * 100_000),
    "other": ("damaged-manifest", b"{}"),
    "zoneless": ("damaged-manifest", to_json(backup()).replace("T00:00:00Z", "T00:00:00").encode()),
    "of another": ("foreign-manifest", to_json(backup(7)).encode()),
    "of another environment": (
        "foreign-manifest",
        to_json(msgspec.structs.replace(backup(), environment="staging")).encode(),
    ),
    "with parts elsewhere": (
        "foreign-manifest",
        to_json(
            backup(parts=(Part(name="dump", key="production/main/x/dump", bytes=1, sha256=""),))
        ).encode(),
    ),
    "with parts above": (
        "foreign-manifest",
        to_json(
            backup(
                parts=(
                    Part(
                        name="../dump",
                        key=f"production/main/{name_at(0)}/../dump",
                        bytes=1,
                        sha256="",
                    ),
                )
            )
        ).encode(),
    ),
}


@pytest.mark.parametrize("fault", DAMAGED)
def test_a_damaged_one_is_reported_and_hides_no_other(shelf: Shelf, fault: str) -> None:
    code, text = DAMAGED[fault]
    good = shelf.made(6)
    shelf.store.replace(f"production/main/{name_at(0)}/manifest.json", text)
    reading = shelf.backups.all()
    assert [one.backup.id for one in reading.backups] == [good.id]
    assert [problem.code for problem in reading.problems] == [code]
    assert name_at(0) in reading.problems[0].what
    assert reading.problems[0].what.isprintable()
    assert reading.problems[0].mend
    assert refused(shelf.backups.read, name_at(0)) == code
    # It is somebody's backup all the same: nothing of it goes by itself.
    assert shelf.backups.leftovers(datetime.now(UTC) + timedelta(days=9)) == []


@pytest.mark.parametrize("fault", ["missing", "short"])
def test_one_whose_parts_are_gone_is_no_backup(shelf: Shelf, fault: str) -> None:
    made = shelf.made()
    if fault == "missing":
        shelf.store.delete([made.parts[1].key])
    else:
        shelf.store.replace(made.parts[1].key, b"x")
    assert shelf.names() == []
    assert shelf.codes() == ["incomplete"]
    assert refused(shelf.backups.read, made.id) == "incomplete"


def test_a_damaged_proof_proves_nothing(shelf: Shelf) -> None:
    made, other = shelf.made(0), shelf.made(6)
    for text in (b"{", to_json(proof(other)).encode()):
        shelf.store.replace(shelf.backups.key(made.id, "proof.json"), text)
        assert not shelf.backups.read(made.id).restorable
        assert shelf.codes() == ["damaged-proof"]


def test_a_damaged_pin_pins(shelf: Shelf) -> None:
    made = shelf.made()
    shelf.store.replace(shelf.backups.key(made.id, "pin.json"), b"{")
    assert shelf.backups.read(made.id).pinned
    assert shelf.codes() == ["damaged-pin"]


def test_what_is_not_ours_is_reported_and_left_alone(shelf: Shelf) -> None:
    made = shelf.made()
    for key in ("production/main/notes.txt", "production/main/old/manifest.json"):
        shelf.store.replace(key, b"x")
    assert shelf.names() == [made.id]
    assert shelf.codes() == ["foreign-object", "foreign-object"]
    assert shelf.backups.leftovers(datetime.now(UTC) + timedelta(days=9)) == []


def test_leftovers_go_when_they_are_a_day_old_and_nobodys(shelf: Shelf) -> None:
    good, crashed = shelf.made(0), shelf.put(6)
    now = datetime.now(UTC)
    assert shelf.backups.leftovers(now) == []
    later = now + timedelta(days=1, hours=1)
    assert shelf.backups.leftovers(later, in_use={crashed.id}) == []
    found = shelf.backups.leftovers(later)
    assert [one.id for one in found] == [crashed.id]
    assert found[0].bytes == len(b"dump" + b"roles")
    assert shelf.backups.sweep(found) == found
    assert shelf.names() == [good.id]
    assert shelf.store.list(f"production/main/{crashed.id}") == []


def test_a_leftover_that_became_a_backup_meanwhile_stays(shelf: Shelf) -> None:
    slow = shelf.put()
    found = shelf.backups.leftovers(datetime.now(UTC) + timedelta(days=2))
    shelf.backups.commit(slow)
    assert shelf.backups.sweep(found) == []
    assert shelf.names() == [slow.id]


def test_a_store_that_fails_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file, no folder")
    with pytest.raises(RemoteError):
        Backups(LocalObjects(tmp_path / "store"), "production", "main").all()


def test_a_place_that_nothing_was_put_to_has_no_backups(tmp_path: Path) -> None:
    assert Backups(LocalObjects(tmp_path / "absent"), "production", "main").all() == ((), ())
