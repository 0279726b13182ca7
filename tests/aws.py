"""AWS that runs in this process: a real S3 and KMS by moto, reached over the loopback."""

from __future__ import annotations

import itertools
import logging
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from moto.server import ThreadedMotoServer

from lastgood.drivers.objects.obstore.options import ObstoreOptions
from lastgood.drivers.objects.obstore.remote import RemoteObjects

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

KEY = "AKIAOFTHETESTSONLY00"
SECRET = "madeUpForTheTestsAndGoodForNothing000000"
REGION = "us-east-1"
_numbers = itertools.count()


class Bucket(NamedTuple):
    """A bucket.

    Attributes:
        client: another client's view of it.
    """

    endpoint: str
    name: str
    client: Any

    def written(self, **more: object) -> dict[str, object]:
        """What a configuration says of it."""
        given: dict[str, object] = {
            "url": f"s3://{self.name}/some/folder",
            "endpoint": self.endpoint,
            "region": REGION,
            "access_key_id": KEY,
            "secret_access_key": SECRET,
            "part": 5,
            "retries": 3,
        }
        return given | more

    def options(self, **more: object) -> ObstoreOptions:
        return ObstoreOptions.model_validate(self.written(**more))

    def objects(self, **more: object) -> RemoteObjects:
        return RemoteObjects(self.options(**more))

    def unfinished(self) -> list[dict[str, Any]]:
        """The multipart uploads that nobody finished."""
        return list(self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", []))


class Service(NamedTuple):
    """A KMS with two keys, and an alias of the first."""

    client: Any
    key: str
    other: str
    alias: str


@contextmanager
def running() -> Iterator[str]:
    """The address of a moto server."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def client(service: str, endpoint: str) -> Any:
    """Amazon's own client of a service."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )


def fresh_bucket(endpoint: str) -> Bucket:
    """A bucket of its own."""
    s3, name = client("s3", endpoint), f"bucket-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    return Bucket(endpoint, name, s3)


def kms_here(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A KMS with keys of its own, found by boto3 as nothing else of this machine is."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL_KMS": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nonexistent",
        "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
    }.items():
        monkeypatch.setenv(name, value)
    kms = client("kms", endpoint)
    key, other = (kms.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    name = f"alias/shop/{key[-12:]}"
    kms.create_alias(AliasName=name, TargetKeyId=key)
    return Service(kms, key, other, f"{key.partition(':key/')[0]}:{name}")
