from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest
from moto.server import ThreadedMotoServer

from lastgood.drivers.objects.obstore.options import ObstoreOptions
from lastgood.drivers.objects.obstore.remote import RemoteObjects

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "AKIAOFTHETESTSONLY00"
SECRET = "madeUpForTheTestsAndGoodForNothing000000"
_numbers = itertools.count()


class Bucket(NamedTuple):
    """A bucket of a real S3 that runs in this process.

    Attributes:
        client: another client's view of it.
    """

    endpoint: str
    name: str
    client: Any

    def options(self, **more: object) -> ObstoreOptions:
        given: dict[str, object] = {
            "url": f"s3://{self.name}/some/folder",
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key_id": KEY,
            "secret_access_key": SECRET,
            "part": 5,
            "retries": 3,
        }
        return ObstoreOptions.model_validate(given | more)

    def objects(self, **more: object) -> RemoteObjects:
        return RemoteObjects(self.options(**more))

    def unfinished(self) -> list[dict[str, Any]]:
        """The multipart uploads that nobody finished."""
        return list(self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", []))


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of a moto server."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str) -> Bucket:
    """A fresh bucket."""
    client = boto3.client(
        "s3",
        endpoint_url=s3,
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )
    name = f"bucket-{next(_numbers)}"
    client.create_bucket(Bucket=name)
    return Bucket(s3, name, client)
