from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from tests.aws import KEY, SECRET
from tests.drivers.objects.obstore.uploader import kill_in_mid_upload
from tests.proxy import Proxy

from lastgood.errors import LastgoodError, RemoteError
from lastgood.testing.objects import cut, pattern

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.aws import Bucket

MEBIBYTE = 1 << 20
CONTENT = pattern(12 * MEBIBYTE + 5)
# Small, so that giving up takes no time; nothing asserts how long anything took.
IMPATIENT = {"timeout": 1.0, "connect_timeout": 1.0, "retries": 1, "retry_for": 3.0}


def first(count: int, fault: str, wanted: str) -> Callable[[str], str | None]:
    """The first so many requests that look so get the fault."""
    seen = iter(range(count))
    look = re.compile(wanted)
    return lambda line: fault if look.search(line) and next(seen, None) is not None else None


def always(fault: str, wanted: str = "") -> Callable[[str], str | None]:
    return lambda line: fault if re.search(wanted, line) else None


def failure(act: Callable[..., object], *given: object) -> LastgoodError:
    with pytest.raises(LastgoodError) as caught:
        act(*given)
    assert caught.value.cause
    assert caught.value.mend
    text = str(caught.value)
    assert SECRET not in text
    assert KEY not in text
    assert "Debug source" not in text
    assert "?" not in text.replace("?...", "")
    return caught.value


GIVEN: dict[str, tuple[object, ...]] = {
    "put": ("a", [b"x"]),
    "put_new": ("a", b"x"),
    "replace": ("a", b"x"),
    "exchange": ("a", b"x", b"y"),
    "get": ("a",),
    "read": ("a",),
    "list": ("a",),
    "delete": (["a"],),
}
PART = r"^PUT .*partNumber=2"
BEGIN = r"^POST .*\?uploads"
COMPLETE = r"^POST .*\?uploadId="


@pytest.mark.parametrize("fault", ["503", "drop", "lose"])
@pytest.mark.parametrize("where", [BEGIN, PART])
def test_a_passing_fault_of_an_upload_is_overcome(bucket: Bucket, fault: str, where: str) -> None:
    with Proxy(bucket.endpoint, first(2, fault, where)) as proxy:
        store = bucket.objects(endpoint=proxy.endpoint)
        assert store.put("a/dump", cut(CONTENT, MEBIBYTE)) == len(CONTENT)
    assert b"".join(bucket.objects().read("a/dump")) == CONTENT


def test_a_part_that_hangs_once_is_sent_again(bucket: Bucket) -> None:
    with Proxy(bucket.endpoint, first(1, "hang", PART)) as proxy:
        store = bucket.objects(endpoint=proxy.endpoint, timeout=3.0)
        assert store.put("a/dump", cut(CONTENT, MEBIBYTE)) == len(CONTENT)
    assert b"".join(bucket.objects().read("a/dump")) == CONTENT


@pytest.mark.parametrize("times", [1, 9])
def test_an_upload_whose_last_answer_was_lost_is_whole(bucket: Bucket, times: int) -> None:
    with Proxy(bucket.endpoint, first(times, "lose", COMPLETE)) as proxy:
        store = bucket.objects(endpoint=proxy.endpoint)
        assert store.put("a/dump", cut(CONTENT, MEBIBYTE)) == len(CONTENT)
    assert b"".join(bucket.objects().read("a/dump")) == CONTENT


@pytest.mark.parametrize("fault", ["503", "drop", "hang"])
@pytest.mark.parametrize("where", [BEGIN, PART, COMPLETE])
def test_a_lasting_fault_of_an_upload_leaves_no_object(
    bucket: Bucket, fault: str, where: str
) -> None:
    with Proxy(bucket.endpoint, always(fault, where)) as proxy:
        store = bucket.objects(endpoint=proxy.endpoint, **IMPATIENT)
        error = failure(store.put, "a/dump", cut(CONTENT, MEBIBYTE))
    assert isinstance(error, RemoteError)
    assert error.retryable
    assert bucket.objects().list("") == []


@pytest.mark.parametrize("fault", ["503", "drop", "lose", "cut"])
def test_a_passing_fault_of_a_download_is_overcome(bucket: Bucket, fault: str) -> None:
    bucket.objects().put("a/dump", cut(CONTENT, MEBIBYTE))
    with Proxy(bucket.endpoint, first(2, fault, "^GET ")) as proxy:
        read = bucket.objects(endpoint=proxy.endpoint).read("a/dump")
        assert b"".join(read) == CONTENT


@pytest.mark.parametrize("fault", ["503", "drop", "hang", "cut"])
def test_a_download_that_ends_in_the_middle_is_an_error(bucket: Bucket, fault: str) -> None:
    bucket.objects().put("a/dump", cut(CONTENT, MEBIBYTE))
    came: list[bytes] = []
    gets: list[str] = []

    def later(line: str) -> str | None:
        if line.startswith("GET "):
            gets.append(line)
        return fault if len(gets) > 1 else None

    with Proxy(bucket.endpoint, later) as proxy:
        store = bucket.objects(endpoint=proxy.endpoint, **IMPATIENT)
        error = failure(lambda: came.extend(store.read("a/dump")))
    assert isinstance(error, RemoteError)
    assert CONTENT.startswith(b"".join(came))
    assert 0 < len(b"".join(came)) < len(CONTENT)


def test_a_slow_store_is_waited_for(bucket: Bucket) -> None:
    with Proxy(bucket.endpoint, always("slow")) as proxy:
        store = bucket.objects(endpoint=proxy.endpoint)
        store.put("a/dump", cut(CONTENT, MEBIBYTE))
        assert b"".join(store.read("a/dump")) == CONTENT


def test_a_manifest_whose_answer_was_lost_is_ours(bucket: Bucket) -> None:
    with Proxy(bucket.endpoint, first(1, "lose", "^PUT ")) as proxy:
        assert bucket.objects(endpoint=proxy.endpoint).put_new("manifest", b"mine")
        assert len([line for line in proxy.requests if line.startswith("PUT")]) > 1
    assert not bucket.objects().put_new("manifest", b"theirs")


def test_an_exchange_whose_answer_was_lost_is_ours(bucket: Bucket) -> None:
    bucket.objects().put_new("manifest", b"before")
    with Proxy(bucket.endpoint, first(1, "lose", "^PUT ")) as proxy:
        assert bucket.objects(endpoint=proxy.endpoint).exchange("manifest", b"before", b"mine")
        assert len([line for line in proxy.requests if line.startswith("PUT")]) > 1
    assert bucket.objects().get("manifest") == b"mine"


def test_an_exchange_that_meets_another_writer_is_not_ours(bucket: Bucket) -> None:
    bucket.objects().put_new("manifest", b"before")
    with Proxy(bucket.endpoint, always("409", "^PUT ")) as proxy:
        store = bucket.objects(endpoint=proxy.endpoint, **IMPATIENT)
        assert not store.exchange("manifest", b"before", b"mine")
    assert bucket.objects().get("manifest") == b"before"


def test_a_conflict_that_left_nothing_is_tried_again(bucket: Bucket) -> None:
    """Amazon answers so to the one that was slower, while the other may still fail."""
    with Proxy(bucket.endpoint, first(1, "409", "^PUT ")) as proxy:
        assert bucket.objects(endpoint=proxy.endpoint).put_new("manifest", b"mine")
    assert bucket.objects().get("manifest") == b"mine"


def test_a_conflict_that_does_not_end_is_an_error(bucket: Bucket) -> None:
    with Proxy(bucket.endpoint, always("409", "^PUT ")) as proxy:
        store = bucket.objects(endpoint=proxy.endpoint, **IMPATIENT)
        error = failure(store.put_new, "manifest", b"mine")
    assert isinstance(error, RemoteError)
    assert error.retryable


def test_a_conflict_with_anothers_manifest_is_told(bucket: Bucket) -> None:
    bucket.objects().put_new("manifest", b"theirs")
    with Proxy(bucket.endpoint, always("409", "^PUT ")) as proxy:
        assert not bucket.objects(endpoint=proxy.endpoint).put_new("manifest", b"mine")


def test_an_object_that_is_replaced_while_it_is_read_is_no_mixture(bucket: Bucket) -> None:
    store, content = bucket.objects(), pattern(30 * MEBIBYTE)
    store.put("a/dump", cut(content, MEBIBYTE))
    pieces = store.read("a/dump")
    came = [next(pieces)]
    store.replace("a/dump", content[::-1])
    assert failure(lambda: came.extend(pieces)).code == "object-changed"
    assert content.startswith(b"".join(came))


def test_who_stops_reading_stops_fetching(bucket: Bucket) -> None:
    bucket.objects().put("a/dump", cut(pattern(60 * MEBIBYTE), MEBIBYTE))
    with Proxy(bucket.endpoint, lambda _: None) as proxy:
        pieces = bucket.objects(endpoint=proxy.endpoint).read("a/dump")
        next(pieces)
        pieces.close()
        assert len([line for line in proxy.requests if line.startswith("GET ")]) <= 2


@pytest.mark.parametrize("act", ["put", "put_new", "replace", "get", "list", "delete"])
def test_a_store_that_is_not_there_is_said(bucket: Bucket, act: str) -> None:
    with Proxy(bucket.endpoint, always("drop")) as proxy:
        endpoint = proxy.endpoint
    store = bucket.objects(endpoint=endpoint, **IMPATIENT)
    error = failure(getattr(store, act), *GIVEN[act])
    assert error.code == "store-silent"
    assert error.retryable


@pytest.mark.parametrize("act", ["put", "put_new", "replace", "get", "read", "list"])
def test_a_bucket_that_is_not_there_is_said(bucket: Bucket, act: str) -> None:
    store = bucket.objects(url="s3://no-such-bucket/folder", **IMPATIENT)
    method = getattr(store, act)
    error = failure((lambda key: list(method(key))) if act == "read" else method, *GIVEN[act])
    assert error.code == "no-bucket"
    assert not error.retryable


@pytest.mark.parametrize("act", ["put", "put_new", "replace", "get", "list", "delete"])
def test_a_store_that_denies_it_is_said(bucket: Bucket, act: str) -> None:
    with Proxy(bucket.endpoint, always("403")) as proxy:
        store = bucket.objects(endpoint=proxy.endpoint, **IMPATIENT)
        error = failure(getattr(store, act), *GIVEN[act])
    assert error.code == "store-denied"
    assert not error.retryable


def test_credentials_come_from_the_environment(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFROMENVIRONMENT0")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secretFromTheEnvironment0000000000000000")
    with Proxy(bucket.endpoint, always("403")) as proxy:
        store = bucket.objects(
            endpoint=proxy.endpoint, access_key_id=None, secret_access_key=None, **IMPATIENT
        )
        error = failure(store.list, "")
        assert "Credential=AKIAFROMENVIRONMENT0/" in proxy.heads[0]
    assert "AKIAFROM" not in str(error)


def test_an_uploader_that_is_killed_leaves_no_object_in_s3(bucket: Bucket) -> None:
    kill_in_mid_upload(bucket.written(), "the/dump")
    store = bucket.objects()
    assert store.list("") == []
    # What it leaves costs money and is in no listing of objects.
    assert [upload["Key"] for upload in bucket.unfinished()] == ["some/folder/the/dump"]
    left = store.uploads("the")
    assert [upload.key for upload in left] == ["the/dump"]
    store.end_uploads(left)
    store.end_uploads(left)
    assert bucket.unfinished() == []
    assert store.put("the/dump", [b"again"]) == 5


@pytest.mark.linux
def test_an_uploader_that_is_killed_leaves_nothing_in_a_folder(tmp_path: Path) -> None:
    kill_in_mid_upload({"url": f"file://{tmp_path}/store"}, "the/dump")
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
