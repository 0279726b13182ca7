from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyrage
import pytest
from pyrage import x25519

from lastgood.backup.keyfile import make_key_file
from lastgood.backup.recipients import find_recipients, wrap
from lastgood.backup.sealing import SEGMENT, new_key, seal
from lastgood.model.backup import Backup, BackupKind, Fingerprint, Part
from lastgood.model.noun import to_json
from lastgood.model.sealed import RecipientKind, SealedHeader, WrappedKey

DOCS = Path(__file__).parents[2] / "docs"
PROGRAM = DOCS / "decrypt.py"
ID = "20260801T120000.000Z-0a1b2c3d"
AT = datetime(2026, 8, 1, 12, tzinfo=UTC)
FIRST = SEGMENT - 40 - 16


class Scene(NamedTuple):
    """A folder with what an engineer fetched, and both keys."""

    folder: Path
    data_key: bytes

    @property
    def keys(self) -> tuple[str, str]:
        return "operational.key", "recovery.txt"

    def decrypt(self, stream: bytes, key: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-I", PROGRAM, "--manifest", "manifest.json", "--key", key],
            cwd=self.folder,
            input=stream,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def opened(self, stream: bytes, key: str = "operational.key") -> bytes:
        done = self.decrypt(stream, key)
        assert done.returncode == 0, done.stderr
        assert done.stderr == b""
        return done.stdout

    def refused(self, stream: bytes, plain: bytes = b"", key: str = "operational.key") -> str:
        """It fails, and has written nothing but a beginning of the truth."""
        done = self.decrypt(stream, key)
        assert done.returncode == 1
        assert plain.startswith(done.stdout)
        said = done.stderr.decode()
        assert "NOT the backup" in said
        assert "Traceback" not in said
        return said

    def sealed(self, content: bytes, *, backup: str = ID, part: str = "dump") -> bytes:
        header = SealedHeader(
            backup=backup,
            part=part,
            made_at=AT,
            server_version="16.14",
            client_version="16.14",
            compression="none",
            key_id="k",
        )
        return b"".join(seal([content], self.data_key, header))

    def stored(self, content: bytes) -> bytes:
        """A dump with its manifest beside it."""
        stream = self.sealed(content)
        self.write({"dump": stream, "roles": self.sealed(b"CREATE ROLE", part="roles")})
        return stream

    def write(
        self, streams: dict[str, bytes], keys: tuple[WrappedKey, ...] = (), backup: str = ID
    ) -> None:
        public = (self.folder / "public").read_text()
        written = ["file:operational.key", f"age:{public}"]
        manifest = Backup(
            id=backup,
            environment="production",
            database="main",
            kind=BackupKind.MANUAL,
            created_at=AT,
            seconds=1,
            server_version="16.14",
            client_version="16.14",
            parts=tuple(
                Part(
                    name=name,
                    key=f"production/main/{backup}/{name}",
                    bytes=len(stream),
                    sha256=hashlib.sha256(stream).hexdigest(),
                )
                for name, stream in streams.items()
            ),
            keys=keys or wrap(self.data_key, find_recipients(written, self.folder), backup),
            fingerprint=Fingerprint(tables=()),
        )
        (self.folder / "manifest.json").write_text(to_json(manifest))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    make_key_file(tmp_path / "operational.key")
    identity = x25519.Identity.generate()
    public = str(identity.to_public())
    (tmp_path / "public").write_text(public)
    (tmp_path / "recovery.txt").write_text(f"# public key: {public}\n{identity}\n")
    return Scene(tmp_path, new_key())


@pytest.mark.parametrize(
    "size", [0, 1, FIRST - 1, FIRST, FIRST + 1, FIRST + SEGMENT - 16, 3 * SEGMENT]
)
def test_each_key_opens_every_size(scene: Scene, size: int) -> None:
    content = secrets.token_bytes(size)
    stream = scene.stored(content)
    for key in scene.keys:
        assert scene.opened(stream, key) == content


def test_what_the_age_library_wraps_opens_each_time(scene: Scene) -> None:
    """It adds a stanza of nonsense each time, to keep readers honest."""
    public = x25519.Recipient.from_str((scene.folder / "public").read_text())
    other = x25519.Identity.generate().to_public()
    stream = scene.sealed(b"content")
    for _ in range(10):
        wrapped = pyrage.encrypt(scene.data_key, [other, public])
        text = base64.b64encode(wrapped).decode()
        key = WrappedKey(kind=RecipientKind.AGE, recipient=str(public), wrapped=text)
        scene.write({"dump": stream}, (key,))
        assert scene.opened(stream, "recovery.txt") == b"content"


def test_what_was_cut_off_is_refused(scene: Scene) -> None:
    content = secrets.token_bytes(FIRST + SEGMENT)
    stream = scene.stored(content)
    begin = 9 + int.from_bytes(stream[5:9], "big")
    places = (0, 3, 9, begin, begin + 20, begin + 40, begin + 50, begin + SEGMENT - 1,
              begin + SEGMENT, begin + 2 * SEGMENT, len(stream) - 1)  # fmt: skip
    for place in places:
        scene.refused(stream[:place], content)


def test_what_was_changed_is_refused(scene: Scene) -> None:
    content = secrets.token_bytes(FIRST + 100)
    stream = scene.stored(content)
    begin = 9 + int.from_bytes(stream[5:9], "big")
    for place in (1, 7, 30, begin, begin + 9, begin + 35, begin + 99, begin + SEGMENT, -1):
        changed = bytearray(stream)
        changed[place] ^= 4
        scene.refused(bytes(changed), content)
    scene.refused(stream + b"\0", content)
    body = stream[begin + SEGMENT :]
    scene.refused(stream[: begin + SEGMENT] + body + body, content)


def test_another_streams_of_the_same_key_are_refused(scene: Scene) -> None:
    scene.stored(b"content")
    assert "another" in scene.refused(scene.sealed(b"content", backup="another"))
    assert "state" in scene.refused(scene.sealed(b"content", part="state"))
    # Well sealed and of this backup, but not what the manifest was written for.
    assert "manifest names" in scene.refused(scene.sealed(b"older"), b"older")


def test_a_part_of_the_same_backup_opens_too(scene: Scene) -> None:
    roles = scene.sealed(b"CREATE ROLE", part="roles")
    scene.write({"dump": scene.sealed(b"x"), "roles": roles})
    assert scene.opened(roles) == b"CREATE ROLE"


def test_a_strangers_key_is_told_for_whom_it_is(scene: Scene) -> None:
    stream = scene.stored(b"content")
    make_key_file(scene.folder / "stranger.key")
    (scene.folder / "stranger.txt").write_text(str(x25519.Identity.generate()))
    for key in ("stranger.key", "stranger.txt"):
        said = scene.refused(stream, key=key)
        assert (scene.folder / "public").read_text() in said


def test_keys_of_another_backup_do_not_open(scene: Scene) -> None:
    stream = scene.stored(b"content")
    whole = msgspec.json.decode((scene.folder / "manifest.json").read_bytes(), type=Backup)
    scene.write({"dump": stream}, whole.keys, backup="another")
    scene.refused(stream)


@pytest.mark.parametrize("text", ["", "{}", "[]", "nonsense", '{"id":1,"keys":[],"parts":[]}',
                                  '{"id":"x","keys":[{}],"parts":[]}', "[" * 100_000])  # fmt: skip
def test_a_damaged_manifest_is_refused(scene: Scene, text: str) -> None:
    stream = scene.stored(b"content")
    (scene.folder / "manifest.json").write_text(text)
    scene.refused(stream)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "AGE-SECRET-KEY-1QQ", base64.b64encode(bytes(31)).decode(), "\0\xff"]
)
def test_what_is_no_key_is_refused(scene: Scene, text: str) -> None:
    stream = scene.stored(b"content")
    (scene.folder / "key").write_text(text)
    scene.refused(stream, key="key")


def test_a_wrong_letter_in_an_age_key_is_found(scene: Scene) -> None:
    stream = scene.stored(b"content")
    text = (scene.folder / "recovery.txt").read_text().splitlines()[-1]
    letter = "Q" if text[30] != "Q" else "P"
    (scene.folder / "key").write_text(text[:30] + letter + text[31:])
    assert "is no key" in scene.refused(stream, key="key")


def test_files_that_are_not_there_are_said(scene: Scene) -> None:
    assert "manifest.json" in scene.refused(b"")
    scene.stored(b"content")
    assert "absent" in scene.refused(b"", key="absent")


def test_a_reader_that_goes_away_is_a_failure(scene: Scene) -> None:
    stream = scene.stored(bytes(4 * SEGMENT))
    (scene.folder / "dump").write_bytes(stream)
    line = f"{sys.executable} -I {PROGRAM} --manifest manifest.json --key operational.key < dump"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line} | head -c 10 > /dev/null"],
        cwd=scene.folder, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_what_the_page_says_opens_a_backup(scene: Scene) -> None:
    page = (DOCS / "backups.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- decrypt -->\n(.*?)<!-- end -->", page, re.DOTALL)
    assert block is not None
    content = secrets.token_bytes(SEGMENT)
    (scene.folder / "dump").write_bytes(scene.stored(content))
    (scene.folder / "decrypt.py").write_bytes(PROGRAM.read_bytes())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", block[1]],
        cwd=scene.folder,
        env={"PATH": path},
        capture_output=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (scene.folder / "dump.pgdump").read_bytes() == content


def test_it_needs_nothing_of_lastgood() -> None:
    found = re.findall(r"^(?:from|import) (\S+)", PROGRAM.read_text(encoding="utf-8"), re.MULTILINE)
    outside = {name.partition(".")[0] for name in found} - set(sys.stdlib_module_names)
    assert outside == {"cryptography"}
