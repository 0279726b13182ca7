"""Backups for a key of AWS KMS: made, proven, opened without it, and none half made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyrage
import pytest
from tests.proxy import Proxy

from lastgood.backup import kms

if TYPE_CHECKING:
    from tests.aws import Service
    from tests.shop import Shop

pytestmark = pytest.mark.linux
DECRYPT = Path(__file__).parents[3] / "docs" / "decrypt.py"


def recipients(stall: Shop, *written: str) -> None:
    stall.backup["recipients"] = list(written)
    stall.configure()


def test_it_is_proven_by_kms_and_opens_by_hand_without_it(stall: Shop, service: Service) -> None:
    identity = pyrage.x25519.Identity.generate()
    recovery = stall.place / "recovery.txt"
    recovery.touch(mode=0o600)
    recovery.write_text(str(identity))
    recipients(stall, f"aws-kms:{service.key}", f"age:{identity.to_public()}")
    made = stall.said("create")
    assert made["verified_at"]
    assert made["recipients"] == [service.key, str(identity.to_public())]
    found = stall.facts()
    assert found["recipients"].ok
    key = found[f"key {service.key.rpartition(':')[2][:24]}"]
    assert (key.ok, key.what.startswith("opened a backup on ")) == (True, True)
    assert stall.said("export-key")["recipients"][0]["here"] is False

    folder = stall.part(made["id"]).parent
    done = subprocess.run(
        [sys.executable, DECRYPT, "--manifest", folder / "manifest.json", "--key", recovery],
        input=(folder / "roles").read_bytes(), capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert stall.role.encode() in done.stdout

    # Rotation to another key of KMS, by the one that goes.
    recipients(stall, f"aws-kms:{service.other}", f"age:{identity.to_public()}")
    assert stall.facts()[f"key {service.other.rpartition(':')[2][:24]}"].mend.endswith(
        f"--key aws-kms:{service.other}"
    )
    (one,) = stall.said("rewrap", "--key", f"aws-kms:{service.key}")["backups"]
    assert (one["fate"], one["recipients"][0]) == ("rewrapped", service.other)
    assert stall.said("verify", "--key", f"aws-kms:{service.other}")["verified_at"]
    refused = stall.refused("verify", "--key", f"aws-kms:{service.key}")
    assert refused["code"] == "not-a-recipient"


@pytest.mark.parametrize("fault", ["hang", "503", "drop", "DisabledException"])
def test_without_kms_no_backup_is_half_made(
    stall: Shop, service: Service, amazon: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipients(stall, "file:recovery.key", f"aws-kms:{service.key}")
    monkeypatch.setattr(kms, "READ_S", 0.3)
    with Proxy(amazon, lambda _: fault) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", proxy.endpoint)
        told = stall.refused("create", code=1)
    assert told["code"].startswith("kms-")
    assert stall.store.list("") == []
    assert stall.databases() == {stall.name}


def test_one_key_of_kms_is_one_recipient(stall: Shop, service: Service) -> None:
    recipients(stall, f"aws-kms:{service.key}")
    assert stall.refused("create")["code"] == "one-recipient"
    assert stall.store.list("") == []
    recipients(stall, f"aws-kms:{service.key}", f"aws-kms:{service.alias}")
    found = stall.facts()["recipients"]
    assert not found.ok
    assert "AWS KMS" in found.what
