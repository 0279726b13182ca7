from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import pytest
from pyrage import x25519
from tests.backup.made import START, backup

from lastgood.backup.identity import read_identity
from lastgood.backup.keyfile import make_key_file
from lastgood.backup.layout import DUMP, ROLES, new_id
from lastgood.backup.manifest import Backups
from lastgood.backup.recipients import find_recipients, unwrap, wrap
from lastgood.backup.sealing import new_key, seal, unseal
from lastgood.drivers.objects.obstore.local import LocalObjects
from lastgood.errors import ChildError, RefusedError
from lastgood.model.backup import Backup, Part
from lastgood.model.sealed import SealedHeader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from lastgood.backup.identity import Identity

CONTENTS = {DUMP: hashlib.shake_128(b"dump").digest(5_000_000), ROLES: b"CREATE ROLE shop;\n"}


class Vault:
    """A folder with backups, and two keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = LocalObjects(folder / "store")
        self.backups = Backups(self.store, "production", "main")
        make_key_file(folder / "operational.key")
        identity = x25519.Identity.generate()
        (folder / "recovery.txt").write_text(str(identity))
        (folder / "recovery.txt").chmod(0o600)
        self.recipients = ["file:operational.key", f"age:{identity.to_public()}"]

    def identity(self, name: str) -> Identity:
        return read_identity(self.folder / name)

    def made(self) -> Backup:
        name, key = new_id(START), new_key()
        parts = tuple(self.part(name, part, key) for part in CONTENTS)
        keys = wrap(key, find_recipients(self.recipients, self.folder), name)
        made = msgspec.structs.replace(backup(name=name, parts=parts), keys=keys)
        self.backups.commit(made)
        return made

    def part(self, name: str, part: str, key: bytes) -> Part:
        header = SealedHeader(
            backup=name,
            part=part,
            made_at=START,
            server_version="16.14",
            client_version="16.14",
            compression="none",
            key_id="1",
        )
        seen = hashlib.sha256()

        def watched() -> Iterator[bytes]:
            for chunk in seal([CONTENTS[part]], key, header):
                seen.update(chunk)
                yield chunk

        where = self.backups.key(name, part)
        size = self.store.put(where, watched())
        return Part(name=part, key=where, bytes=size, sha256=seen.hexdigest())

    def opened(self, name: str, part: str, identity: Identity) -> bytes:
        read = self.backups.read(name).backup
        key = unwrap(read.keys, identity, read.id)
        where = next(one.key for one in read.parts if one.name == part)
        header, plain = unseal(self.store.read(where), key)
        assert (header.backup, header.part) == (name, part)
        return b"".join(plain)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path)


def test_a_backup_comes_back_by_each_key(vault: Vault) -> None:
    made = vault.made()
    for name in ("operational.key", "recovery.txt"):
        for part, content in CONTENTS.items():
            assert vault.opened(made.id, part, vault.identity(name)) == content
    stored = b"".join(path.read_bytes() for path in vault.folder.rglob("*") if path.is_file())
    assert CONTENTS[ROLES] not in stored
    assert CONTENTS[DUMP][:64] not in stored


def test_after_rotation_new_keys_open_it_and_old_ones_do_not(vault: Vault) -> None:
    made = vault.made()
    make_key_file(vault.folder / "new.key")
    recipients = find_recipients(["file:new.key", vault.recipients[1]], vault.folder)
    keys = wrap(unwrap(made.keys, vault.identity("recovery.txt"), made.id), recipients, made.id)
    bodies = {part.key: vault.store.get(part.key) for part in made.parts}
    vault.backups.rewrite(made, keys)
    assert {key: vault.store.get(key) for key in bodies} == bodies
    for name in ("new.key", "recovery.txt"):
        assert vault.opened(made.id, DUMP, vault.identity(name)) == CONTENTS[DUMP]
    with pytest.raises(RefusedError) as caught:
        vault.opened(made.id, DUMP, vault.identity("operational.key"))
    assert caught.value.code == "not-a-recipient"


def test_a_dump_that_fails_is_said_as_that_and_leaves_nothing(vault: Vault) -> None:
    failure = ChildError("pg_dump failed")
    header = unsealed_header()

    def failing() -> Iterator[bytes]:
        yield bytes(3_000_000)
        raise failure

    with pytest.raises(ChildError) as caught:
        vault.store.put("production/main/x/dump", seal(failing(), new_key(), header))
    assert caught.value is failure
    assert vault.store.list("") == []


def unsealed_header() -> SealedHeader:
    return SealedHeader(
        backup="x",
        part=DUMP,
        made_at=START,
        server_version="",
        client_version="",
        compression="",
        key_id="",
    )


@pytest.mark.parametrize("damage", ["cut", "flipped", "swapped"])
def test_damage_in_the_store_is_found(vault: Vault, damage: str) -> None:
    made = vault.made()
    dump, roles = made.parts
    stored = vault.store.get(dump.key)
    changed = {
        "cut": stored[:-1_000_000],
        "flipped": stored[:4_000_000] + bytes([stored[4_000_000] ^ 1]) + stored[4_000_001:],
        "swapped": vault.store.get(roles.key),
    }[damage]
    vault.store.replace(dump.key, changed)
    if damage == "flipped":
        with pytest.raises(RefusedError) as caught:
            vault.opened(made.id, DUMP, vault.identity("operational.key"))
        assert caught.value.code == "damaged"
    else:
        assert [one.code for one in vault.backups.all().problems] == ["incomplete"]
