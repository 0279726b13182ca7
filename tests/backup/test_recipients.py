from __future__ import annotations

import base64
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pyrage
import pytest
from pyrage import x25519

from lastgood.backup.identity import read_identity
from lastgood.backup.keyfile import make_key_file, read_key_file
from lastgood.backup.recipients import find_recipients, fits, unwrap, wrap
from lastgood.errors import RefusedError
from lastgood.model.sealed import RecipientKind, WrappedKey

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DATA_KEY = bytes(range(32))
BACKUP = "20260801T120000.000Z-0a1b2c3d"


class Both(NamedTuple):
    """A key file and an age identity file, and a data key that was wrapped for both."""

    key_file: Path
    age: Path
    keys: tuple[WrappedKey, ...]

    @property
    def files(self) -> tuple[Path, Path]:
        return self.key_file, self.age


def write(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


def age_file(folder: Path, name: str = "recovery.txt") -> tuple[Path, str]:
    """An identity file as age-keygen writes it, and its public key."""
    made = x25519.Identity.generate()
    public = str(made.to_public())
    text = f"# created: 2026-08-01T12:00:00Z\n# public key: {public}\n{made}\n"
    return write(folder / name, text), public


def refused(act: Callable[..., object], *given: object) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        act(*given)
    assert caught.value.cause
    assert caught.value.mend
    return caught.value


@pytest.fixture
def both(tmp_path: Path) -> Both:
    make_key_file(tmp_path / "operational.key")
    identity, public = age_file(tmp_path)
    recipients = find_recipients(["file:operational.key", f"age:{public}"], tmp_path)
    return Both(tmp_path / "operational.key", identity, wrap(DATA_KEY, recipients, BACKUP))


def test_each_recipient_opens_it(both: Both) -> None:
    key_file, age, keys = both
    assert [key.kind for key in keys] == [RecipientKind.KEY_FILE, RecipientKind.AGE]
    for path in (key_file, age):
        assert unwrap(keys, read_identity(path), BACKUP) == DATA_KEY
    assert unwrap(reversed(keys), read_identity(age), BACKUP) == DATA_KEY


def test_what_is_kept_shows_no_key(both: Both) -> None:
    key_file, _, keys = both
    kept = msgspec.json.encode(keys)
    secret = base64.b64decode(key_file.read_text().splitlines()[-1])
    for key in (DATA_KEY, secret):
        for form in (key, base64.b64encode(key), key.hex().encode()):
            assert form not in kept
    assert secret.hex() not in repr(read_identity(key_file))
    assert "AGE-SECRET" not in repr(read_identity(both.age))


def test_one_recipient_is_refused_and_the_mend_is_said(tmp_path: Path) -> None:
    key = make_key_file(tmp_path / "key")
    for recipients in ([], [key], [key, read_key_file(tmp_path / "key")]):
        refusal = refused(wrap, DATA_KEY, recipients, BACKUP)
        assert refusal.code == "one-recipient"
        assert "age-keygen" in refusal.mend


def test_a_recipient_named_twice_gets_one_key(tmp_path: Path) -> None:
    make_key_file(tmp_path / "key")
    _, public = age_file(tmp_path)
    written = ["file:key", f"age:{public}", f"file:{tmp_path}/key", f"age:{public}"]
    assert len(wrap(DATA_KEY, find_recipients(written, tmp_path), BACKUP)) == 2


def test_a_stranger_is_told_whose_it_is(tmp_path: Path, both: Both) -> None:
    stranger, _ = age_file(tmp_path, "stranger.txt")
    make_key_file(tmp_path / "stranger.key")
    for path in (stranger, tmp_path / "stranger.key"):
        identity = read_identity(path)
        refusal = refused(unwrap, both.keys, identity, BACKUP)
        assert refusal.code == "not-a-recipient"
        assert all(key.recipient in refusal.cause for key in both.keys)


def test_hostile_names_in_a_manifest_do_not_act_on_the_terminal(tmp_path: Path) -> None:
    hostile = WrappedKey(kind=RecipientKind.AGE, recipient="age1\x1b[2Jx\r\u202e", wrapped="")
    identity = make_key_file(tmp_path / "key")
    text = str(refused(unwrap, [hostile], identity, BACKUP))
    assert "\x1b" not in text
    assert "\u202e" not in text


@pytest.mark.parametrize("which", [0, 1])
def test_a_changed_wrapped_key_is_refused(which: int, both: Both) -> None:
    identity, key = read_identity(both.files[which]), both.keys[which]
    whole = base64.b64decode(key.wrapped)
    spoilt = [whole[:cut] for cut in (0, 5, 11, 12, 20, len(whole) - 1)]
    for place in (0, len(whole) // 2, len(whole) - 1):
        changed = bytearray(whole)
        changed[place] ^= 1
        spoilt.append(bytes(changed))
    for wrapped in [base64.b64encode(one).decode() for one in spoilt] + [
        "no base64",
        "\N{SNOWMAN}",
    ]:
        changed_key = msgspec.structs.replace(key, wrapped=wrapped)
        refusal = refused(unwrap, [changed_key], identity, BACKUP)
        assert refusal.code == "wrong-key"


def test_a_key_wrapped_for_another_backup_does_not_open(
    both: Both,
) -> None:
    refusal = refused(unwrap, both.keys, read_identity(both.key_file), "another")
    assert refusal.code == "wrong-key"


def test_what_age_wrapped_must_be_a_data_key(tmp_path: Path) -> None:
    path, public = age_file(tmp_path)
    other = pyrage.encrypt(b"short", [x25519.Recipient.from_str(public)])
    key = WrappedKey(
        kind=RecipientKind.AGE, recipient=public, wrapped=base64.b64encode(other).decode()
    )
    assert refused(unwrap, [key], read_identity(path), BACKUP).code == "wrong-key"


def test_rotation_gives_the_same_data_key_to_others(tmp_path: Path, both: Both) -> None:
    make_key_file(tmp_path / "new.key")
    new_age, public = age_file(tmp_path, "new.txt")
    recipients = find_recipients(["file:new.key", f"age:{public}"], tmp_path)
    assert not fits(both.keys, recipients)
    rotated = wrap(unwrap(both.keys, read_identity(both.age), BACKUP), recipients, BACKUP)
    assert fits(rotated, recipients)
    assert not fits(rotated, recipients[:1])
    for path in (tmp_path / "new.key", new_age):
        assert unwrap(rotated, read_identity(path), BACKUP) == DATA_KEY
    for path in both.files:
        identity = read_identity(path)
        refusal = refused(unwrap, rotated, identity, BACKUP)
        assert refusal.code == "not-a-recipient"


@pytest.mark.parametrize(
    "written",
    ["", "file:", "age:", "operational.key", "env:KEY", "AGE-SECRET-KEY-1QQ", "gpg:1234",
     "age:AGE-SECRET-KEY-1QQ", "age:age1xyz", "file"],
)  # fmt: skip
def test_what_is_no_recipient_is_refused_without_repeating_it(tmp_path: Path, written: str) -> None:
    refusal = refused(find_recipients, [written], tmp_path)
    assert refusal.code == "recipient"
    assert "SECRET" not in str(refusal)


def test_a_public_key_is_enough_to_back_up(tmp_path: Path) -> None:
    _, one = age_file(tmp_path, "1")
    path, two = age_file(tmp_path, "2")
    keys = wrap(DATA_KEY, find_recipients([f"age:{one}", f"age:{two}"], tmp_path), BACKUP)
    assert unwrap(keys, read_identity(path), BACKUP) == DATA_KEY


def test_a_key_file_is_private_and_says_what_it_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = make_key_file(tmp_path / "key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    lines = (tmp_path / "key").read_text().splitlines()
    assert all(line.startswith("# ") for line in lines[:-1])
    assert "lastgood" in lines[0]
    assert len(base64.b64decode(lines[-1])) == 32
    assert read_key_file(tmp_path / "key").recipient == made.recipient


def test_no_two_key_files_are_the_same(tmp_path: Path) -> None:
    assert make_key_file(tmp_path / "a").recipient != make_key_file(tmp_path / "b").recipient


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    make_key_file(tmp_path / "key")
    before = (tmp_path / "key").read_bytes()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("key", "link", "."):
        assert refused(make_key_file, tmp_path / name).code == "key-exists"
    assert (tmp_path / "key").read_bytes() == before
    assert not (tmp_path / "elsewhere").exists()
    assert refused(make_key_file, tmp_path / "no" / "key").code == "key-unwritable"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o777])
def test_a_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    make_key_file(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    for read in (read_key_file, read_identity):
        refusal = refused(read, tmp_path / "key")
        assert refusal.code == "key-permissions"
        assert "chmod 600" in refusal.mend


def test_a_key_that_only_its_owner_reads_is_good(tmp_path: Path) -> None:
    made = make_key_file(tmp_path / "key")
    (tmp_path / "key").chmod(0o400)
    assert read_key_file(tmp_path / "key").recipient == made.recipient


def test_a_link_a_pipe_and_a_folder_are_refused(tmp_path: Path) -> None:
    make_key_file(tmp_path / "key")
    (tmp_path / "link").symlink_to("key")
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(mode=0o700)
    codes = {"link": "key-link", "pipe": "no-key", "folder": "no-key", "absent": "key-unreadable"}
    for name, code in codes.items():
        assert refused(read_identity, tmp_path / name).code == code


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"# only a comment\n",
        base64.b64encode(bytes(31)),
        base64.b64encode(bytes(33)),
        base64.b64encode(bytes(32)) + b"\n" + base64.b64encode(bytes(32)),
        bytes(32),
        b"\xff\xfe" + bytes(40),
        b"x" * 70_000,
        "\N{SNOWMAN}".encode() * 44,
        b"AGE-SECRET-KEY-1QQQQQQ",
    ],
)
def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path, text: bytes) -> None:
    refusal = refused(read_identity, write(tmp_path / "key", text))
    assert refusal.code == "no-key"
    shown = text.decode(errors="replace").strip()
    assert len(shown) < 20 or shown not in str(refusal)


def test_an_identity_with_a_passphrase_says_how_to_unlock_it(tmp_path: Path) -> None:
    for begin in ("age-encryption.org/v1\n", "-----BEGIN AGE ENCRYPTED FILE-----\n"):
        path = write(tmp_path / "locked", begin + "whatever")
        refusal = refused(read_identity, path)
        assert refusal.code == "key-locked"
        assert "age -d" in refusal.mend
