from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError
from tests.aws import SECRET

from lastgood.drivers.objects.obstore.options import ObstoreOptions
from lastgood.drivers.objects.obstore.remote import RemoteObjects
from lastgood.errors import RefusedError


@pytest.mark.parametrize(
    ("url", "bucket", "folder"),
    [
        ("file:///srv/backups", "", "/srv/backups"),
        ("file:///srv/my%20backups/", "", "/srv/my backups"),
        ("s3://shop-backups/production", "shop-backups", "production"),
        ("gs://shop-backups", "shop-backups", ""),
        ("az://container/a/b/", "container", "a/b"),
    ],
)
def test_an_address_is_a_place(url: str, bucket: str, folder: str) -> None:
    options = ObstoreOptions.model_validate({"url": url})
    assert (options.bucket, options.folder) == (bucket, folder)


@pytest.mark.parametrize(
    "url",
    [
        "", "memory://", "/srv/backups", "srv", "http://host/x", "file://backups", "file://",
        "file:///", "file:///a/../b", "s3://", "s3:///folder", "s3://key:secret@bucket/x",
        "s3://bucket?x=1", "s3://bucket/a/../b", "s3://bucket/.a", "s3://[", "file:///a%2f..%2fb",
        "file:///a%00b", "s3://a bucket/x", "s3://b\n/x", "s3://-b/x",
    ],
)  # fmt: skip
def test_what_is_no_place_is_a_fault(url: str) -> None:
    with pytest.raises(ValidationError):
        ObstoreOptions.model_validate({"url": url})


@pytest.mark.parametrize(
    "options",
    [
        {"url": "gs://bucket", "region": "x"},
        {"url": "s3://bucket", "account": "x"},
        {"url": "s3://bucket", "service_account": "x.json"},
        {"url": "s3://bucket", "access_key_id": "x"},
        {"url": "file:///x", "endpoint": "http://127.0.0.1:1"},
        {"url": "s3://bucket", "endpoint": "http://user:password@127.0.0.1:1"},
        {"url": "s3://bucket", "part": 1},
        {"url": "s3://bucket", "unknown": 1},
    ],
)
def test_what_makes_no_sense_is_a_fault(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ObstoreOptions.model_validate(options)


def test_credentials_do_not_show() -> None:
    options = ObstoreOptions.model_validate(
        {"url": "s3://bucket/x", "access_key_id": "AKIAX", "secret_access_key": SECRET}
    )
    store = RemoteObjects(options)
    for text in (repr(options), str(options), store.describe(), repr(store)):
        assert SECRET not in text
    assert SECRET not in options.model_dump_json()
    assert store.describe() == "s3://bucket/x"


@pytest.mark.parametrize("url", ["gs://bucket/x", "az://container/x"])
def test_other_providers_stores_can_be_made(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is behind them is not exercised: the README says so."""
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    assert RemoteObjects(ObstoreOptions.model_validate({"url": url})).describe() == url


@pytest.mark.parametrize(
    "options",
    [
        {"url": "az://container/x"},
        {"url": "az://container/x", "account": "shop", "account_key": "not base64: secret!"},
        {"url": "gs://bucket/x", "service_account": "/absent.json"},
    ],
)
def test_a_store_that_cannot_be_made_is_refused(
    options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RefusedError) as caught:
        RemoteObjects(ObstoreOptions.model_validate(options))
    assert caught.value.code == "store-options"
    assert "secret" not in str(caught.value)
    assert "Debug" not in str(caught.value)
    assert caught.value.mend


def test_a_folder_needs_no_obstore() -> None:
    text = (
        "import sys; import lastgood.drivers.objects.obstore.driver, lastgood.backup.recipients; "
        "sys.exit(any(n in sys.modules for n in ('obstore', 'tink', 'pyrage')))"
    )
    assert subprocess.run([sys.executable, "-c", text], check=False, timeout=60).returncode == 0
