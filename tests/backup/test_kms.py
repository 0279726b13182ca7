"""A key of AWS KMS as recipient and identity, on a KMS that runs here."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.aws import KEY, SECRET
from tests.proxy import Proxy

from lastgood.backup import kms
from lastgood.backup.identity import read_identity
from lastgood.backup.keyfile import make_key_file
from lastgood.backup.kms import KmsKey
from lastgood.backup.recipients import find_recipients, unwrap, wrap
from lastgood.errors import LastgoodError, RefusedError, RemoteError
from lastgood.model.sealed import RecipientKind, WrappedKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aws import Service

BACKUP, OTHER = "20260801T120000.000Z-0a1b2c3d", "20260801T180000.000Z-0a1b2c3d"
DATA_KEY = bytes(range(32))
HERE = Path()


def failure(kind: type[LastgoodError], act: Callable[..., object], *given: object) -> LastgoodError:
    with pytest.raises(LastgoodError) as caught:
        act(*given)
    error = caught.value
    assert type(error) is kind
    assert error.cause
    assert error.mend
    assert SECRET not in str(error)
    assert KEY not in str(error)
    assert "\x1b" not in str(error)
    return error


def test_it_wraps_and_opens_beside_a_key_file(service: Service, tmp_path: Path) -> None:
    make_key_file(tmp_path / "recovery.key")
    for name in (service.key, service.alias):
        recipients = find_recipients([f"aws-kms:{name}", "file:recovery.key"], tmp_path)
        keys = wrap(DATA_KEY, recipients, BACKUP)
        assert (keys[0].kind, keys[0].recipient) == (RecipientKind.AWS_KMS, name)
        for identity in (f"aws-kms:{name}", tmp_path / "recovery.key"):
            assert unwrap(keys, read_identity(Path(identity)), BACKUP) == DATA_KEY


def test_another_backups_wrapped_key_is_refused(service: Service) -> None:
    key = KmsKey(service.key)
    wrapped = key.wrap(DATA_KEY, BACKUP)
    assert DATA_KEY not in wrapped
    assert key.unwrap(wrapped, BACKUP) == DATA_KEY
    assert key.unwrap(wrapped, OTHER) is None
    assert key.unwrap(wrapped[:-1] + bytes([wrapped[-1] ^ 1]), BACKUP) is None
    keys = [WrappedKey(kind=key.kind, recipient=key.recipient, wrapped="eA==")]
    assert failure(RefusedError, unwrap, keys, key, BACKUP).code == "wrong-key"


def test_another_key_does_not_open(service: Service) -> None:
    wrapped = KmsKey(service.key).wrap(DATA_KEY, BACKUP)
    # This KMS denies it; Amazon's own says that it is another key's.
    assert failure(RemoteError, KmsKey(service.other).unwrap, wrapped, BACKUP).code == "kms-denied"


def test_an_alias_that_names_another_key_by_now_opens_what_was_wrapped(service: Service) -> None:
    key = KmsKey(service.alias)
    before = key.wrap(DATA_KEY, BACKUP)
    name = service.alias.partition(":alias/")[2]
    service.client.update_alias(AliasName=f"alias/{name}", TargetKeyId=service.other)
    after = key.wrap(DATA_KEY, BACKUP)
    assert KmsKey(service.other).unwrap(after, BACKUP) == DATA_KEY
    assert key.unwrap(before, BACKUP) == key.unwrap(after, BACKUP) == DATA_KEY


def test_a_key_that_does_not_exist_is_said(service: Service) -> None:
    absent = KmsKey(service.key[:-12] + "000000000000")
    assert failure(RemoteError, absent.wrap, DATA_KEY, BACKUP).code == "kms-no-key"


FAULTS = {
    "503": ("kms-failed", True),
    "403": ("kms-failed", True),
    "drop": ("kms-silent", True),
    "hang": ("kms-silent", True),
    "DisabledException": ("kms-key-unusable", False),
    "AccessDeniedException": ("kms-denied", False),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_is_told_with_its_mend(
    service: Service, fault: str, amazon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kms, "READ_S", 0.3)
    wrapped = KmsKey(service.key).wrap(DATA_KEY, BACKUP)
    with Proxy(amazon, lambda _: fault) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", proxy.endpoint)
        for act, given in ((KmsKey.wrap, DATA_KEY), (KmsKey.unwrap, wrapped)):
            told = failure(RemoteError, act, KmsKey(service.key), given, BACKUP)
            assert (told.code, told.retryable) == FAULTS[fault]
        assert len(proxy.requests) <= 2 * kms.TRIES


def test_a_passing_fault_is_overcome(
    service: Service, amazon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults = iter(["503", "drop"])
    with Proxy(amazon, lambda _: next(faults, None)) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", proxy.endpoint)
        key = KmsKey(service.key)
        assert key.unwrap(key.wrap(DATA_KEY, BACKUP), BACKUP) == DATA_KEY


def test_what_amazon_says_of_another_keys_is_that_it_does_not_open(
    service: Service, amazon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Proxy(amazon, lambda _: "IncorrectKeyException") as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", proxy.endpoint)
        assert KmsKey(service.key).unwrap(b"wrapped", BACKUP) is None


def test_where_nobody_listens(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:9")
    told = failure(RemoteError, KmsKey(service.key).wrap, DATA_KEY, BACKUP)
    assert (told.code, told.retryable) == ("kms-silent", True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("AWS_ACCESS_KEY_ID", None), ("AWS_PROFILE", "absent"), ("AWS_ENDPOINT_URL_KMS", "no where")],
)
def test_what_is_not_set_up_here_is_refused(
    service: Service, name: str, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is None:
        monkeypatch.delenv(name)
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    else:
        monkeypatch.setenv(name, value)
    told = failure(RefusedError, KmsKey(service.key).wrap, DATA_KEY, BACKUP)
    assert told.code == "kms-credentials"


def test_the_address_of_an_object_store_is_not_asked(
    service: Service, amazon: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is set for stores that speak like S3, and must see no data key."""
    with Proxy(amazon, lambda _: None) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        KmsKey(service.key).wrap(DATA_KEY, BACKUP)
        assert proxy.requests == []
        monkeypatch.delenv("AWS_ENDPOINT_URL_KMS")
        assert "amazonaws.com" in KmsKey(service.key)._client.meta.endpoint_url


@pytest.mark.parametrize(
    "written",
    ["", "alias/shop", "1234", "arn:aws:s3:::bucket", "arn:aws:kms:eu:1:key/x",
     "arn:aws:kms:eu-central-1:123456789012:key/x\n", "arn:aws:kms:e u:123456789012:key/x",
     "arn:aws:kms:x.evil.example/:123456789012:key/x"],
)  # fmt: skip
def test_what_is_no_arn_of_a_key_is_refused(written: str) -> None:
    assert failure(RefusedError, find_recipients, [f"aws-kms:{written}"], HERE).code == "recipient"


def test_without_boto3_the_mend_is_how_to_get_it(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    told = failure(RefusedError, find_recipients, [f"aws-kms:{service.key}"], HERE)
    assert told.code == "no-boto3"
    assert "pip install 'lastgood[aws]'" in told.mend


def test_it_alone_is_refused_as_any_one_recipient(service: Service) -> None:
    recipients = find_recipients([f"aws-kms:{service.key}"] * 2, HERE)
    assert failure(RefusedError, wrap, DATA_KEY, recipients, BACKUP).code == "one-recipient"
