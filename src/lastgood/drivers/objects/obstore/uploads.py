"""Uploads in parts to S3 that nobody finished: no listing shows them, and they cost as objects do.

By boto3, which is Amazon's own client and an extra of this package: obstore begins and ends
uploads, and cannot list them.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from lastgood.drivers.objects.obstore.failure import told
from lastgood.drivers.objects.obstore.keys import is_key, name_of
from lastgood.ports.objects import Upload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lastgood.config.options import Secret
    from lastgood.drivers.objects.obstore.options import ObstoreOptions

# Where obstore looks when no endpoint is configured: both must ask the same service.
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_UNKNOWN = frozenset({"NotImplemented", "MethodNotAllowed"})
_ENDED = frozenset({"NoSuchUpload", "404"})


def can_be_listed(options: ObstoreOptions) -> bool:
    """Whether a store's unfinished uploads can be found from here."""
    return options.scheme == "s3" and find_spec("boto3") is not None


class Uploads:
    """The unfinished uploads below one folder of a bucket."""

    def __init__(self, options: ObstoreOptions, where: str) -> None:
        self._options = options
        self._where = where

    def all(self, folder: str) -> list[Upload]:
        """Those below a folder, by key.

        Raises:
            RemoteError: the store fails, refuses or does not answer.
        """
        above = f"{self._options.folder}/" if self._options.folder else ""
        below = f"{above}{name_of(folder)}/" if folder else above
        found: list[Upload] = []  # it stays so where a service cannot say
        with self._told("listing unfinished uploads", _UNKNOWN) as client:
            pages = client.get_paginator("list_multipart_uploads")
            found += (
                Upload(key=one["Key"].removeprefix(above), at=one["Initiated"], id=one["UploadId"])
                for page in pages.paginate(Bucket=self._options.bucket, Prefix=below)
                for one in page.get("Uploads", ())
                if one["Key"].startswith(below)
            )
        return sorted(one for one in found if is_key(one.key))

    def end(self, uploads: Iterable[Upload]) -> None:
        """End these, with what arrived of them; those that ended are ended already.

        Raises:
            RemoteError: the store fails, refuses or does not answer.
        """
        for upload in uploads:
            key = "/".join(filter(None, (self._options.folder, name_of(upload.key))))
            with self._told("ending an unfinished upload", _ENDED) as client:
                client.abort_multipart_upload(
                    Bucket=self._options.bucket, Key=key, UploadId=upload.id
                )

    @contextmanager
    def _told(self, what: str, passing: frozenset[str]) -> Iterator[Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - slow

        try:
            yield self._client()
        except (BotoCoreError, ClientError, KeyError, ValueError) as error:
            answer = error.response if isinstance(error, ClientError) else {}
            if answer.get("Error", {}).get("Code") not in passing:
                raise told(error, what, self._where, self._options.secrets) from None

    def _client(self) -> Any:  # noqa: ANN401 - boto3 has no types
        from boto3.session import Session  # noqa: PLC0415 - slow, only where needed
        from botocore.config import Config  # noqa: PLC0415 - likewise

        options = self._options
        endpoint = options.endpoint or next(filter(None, map(os.environ.get, _ENDPOINTS)), None)
        return Session().client(
            "s3",
            endpoint_url=endpoint,
            region_name=options.region or os.environ.get("AWS_REGION"),
            aws_access_key_id=_revealed(options.access_key_id),
            aws_secret_access_key=_revealed(options.secret_access_key),
            aws_session_token=_revealed(options.session_token),
            config=Config(
                connect_timeout=options.connect_timeout,
                read_timeout=options.timeout,
                retries={"total_max_attempts": _attempts(options), "mode": "standard"},
                s3={"addressing_style": "path" if endpoint else "auto"},
                ignore_configured_endpoint_urls=True,
            ),
        )


def _attempts(options: ObstoreOptions) -> int:
    """As often as is configured, and not beyond `retry_for` where each takes its whole time."""
    return 1 + min(options.retries, int(options.retry_for / options.timeout))


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()
