"""Uploads that nobody finished, found and ended in S3."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.aws import KEY, SECRET
from tests.proxy import Proxy

from lastgood.drivers.objects.obstore.local import LocalObjects
from lastgood.drivers.objects.obstore.options import ObstoreOptions
from lastgood.drivers.objects.obstore.remote import RemoteObjects
from lastgood.errors import RemoteError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.aws import Bucket


def begin(bucket: Bucket, *keys: str) -> None:
    for key in keys:
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)


def test_those_below_the_folder_are_listed_and_no_others(bucket: Bucket) -> None:
    begin(
        bucket, "some/folder/a/dump", "some/folder/a/b/dump", "some/folder/ab/dump", "a/dump",
        "some/folder2/a/dump", "some/folder/a/ hostile", "some/folder/a/../b",
    )  # fmt: skip
    assert [one.key for one in bucket.objects().uploads("a")] == ["a/b/dump", "a/dump"]
    bare = bucket.objects(url=f"s3://{bucket.name}")
    assert [one.key for one in bare.uploads("a")] == ["a/dump"]
    assert bucket.objects().uploads("absent") == []
    bare.end_uploads(bare.uploads("a"))
    assert len(bucket.unfinished()) == 6


def test_credentials_and_address_may_come_from_where_the_store_has_them(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(bucket, "f/a/dump")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    options = ObstoreOptions.model_validate({"url": f"s3://{bucket.name}/f"})
    assert [one.key for one in RemoteObjects(options).uploads("a")] == ["a/dump"]


@pytest.mark.parametrize("fault", ["403", "503", "hang", "drop"])
def test_a_store_that_does_not_answer_is_no_store_without_uploads(
    bucket: Bucket, fault: str
) -> None:
    with Proxy(bucket.endpoint, lambda _: fault) as proxy:
        store = bucket.objects(endpoint=proxy.endpoint, timeout=0.3, connect_timeout=1.0, retries=1)
        with pytest.raises(RemoteError) as caught:
            store.uploads("a")
    assert caught.value.cause
    assert caught.value.mend
    assert SECRET not in str(caught.value)
    assert KEY not in str(caught.value)


def test_where_they_cannot_be_listed_there_are_none(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(bucket, "some/folder/a/dump")
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert list(bucket.objects().uploads("a")) == []
    assert list(LocalObjects(tmp_path).uploads("a")) == []
