"""What can be configured of the driver `obstore`."""

from __future__ import annotations

import re
from typing import Annotated, Self
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, Field, model_validator

from lastgood.config.options import ConfigPath, DriverOptions, Interval, Secret, Url, mistake

SCHEMES = ("file", "s3", "gs", "az")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}", re.ASCII)
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]*", re.ASCII)
_MEND = "write file:///folder, s3://bucket/folder, gs://bucket/folder or az://container/folder"


def _place(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise mistake("this is no address of a store", _MEND) from None
    if parts.scheme not in SCHEMES:
        raise mistake("this is no address of a store", _MEND)
    if parts.query or parts.fragment or "@" in parts.netloc or ":" in parts.netloc:
        raise mistake(
            "an address of a store has only a place in it",
            "write credentials and `endpoint` as options of their own",
        )
    if (parts.scheme == "file") == bool(parts.netloc):
        raise mistake("the address names no bucket, or a file's address names a host", _MEND)
    if parts.scheme == "file":
        _local(parts.path)
    elif not _BUCKET.fullmatch(parts.netloc):
        raise mistake("a bucket cannot be called so", "write the name of a bucket that exists")
    elif not all(_FOLDER.fullmatch(part) for part in parts.path.strip("/").split("/") if part):
        raise mistake("a folder in the store has an unusual name", "use letters, digits, `-` `_`")
    return text.rstrip("/")


def _local(path: str) -> None:
    names = unquote(path).split("/")
    if ".." in names or "\0" in unquote(path) or not any(names):
        raise mistake("the folder must be a whole path", "write file:///srv/backups")


class ObstoreOptions(DriverOptions):
    """A place for objects: `file://`, `s3://`, `gs://` or `az://`."""

    url: Annotated[str, Field(max_length=1000), AfterValidator(_place)] = Field(
        description="where objects are kept: `file:///folder`, `s3://bucket/folder`, "
        "`gs://bucket/folder` or `az://container/folder`"
    )
    endpoint: Url | None = Field(
        default=None, description="the address of a service other than the provider's own"
    )
    region: str | None = Field(default=None, description="the bucket's region (S3)")
    access_key_id: Secret | None = Field(
        default=None, description="S3; `AWS_ACCESS_KEY_ID` or the machine's role by default"
    )
    secret_access_key: Secret | None = Field(default=None, description="S3, with `access_key_id`")
    session_token: Secret | None = Field(default=None, description="S3, for keys that expire")
    account: str | None = Field(default=None, description="the storage account (Azure)")
    account_key: Secret | None = Field(
        default=None, description="Azure; `AZURE_STORAGE_ACCOUNT_KEY` by default"
    )
    service_account: ConfigPath | None = Field(
        default=None,
        description="a service account's JSON file (Google); application credentials by default",
    )
    connect_timeout: Interval = Field(
        default=5.0, description="how long making a connection may take"
    )
    timeout: Interval = Field(
        default=60.0, description="how long one request may take; a large object is several"
    )
    retries: int = Field(
        default=5, ge=0, le=20, description="how often a request is tried again that failed"
    )
    retry_for: Interval = Field(
        default=120.0, description="after how long no request is tried again"
    )
    part: int = Field(
        default=16,
        ge=5,
        le=256,
        description="MiB of one part of an upload; a store takes 10,000 parts, and memory holds "
        "about two",
    )

    @property
    def scheme(self) -> str:
        """Which kind of store it is."""
        return urlsplit(self.url).scheme

    @property
    def bucket(self) -> str:
        """The bucket's or container's name."""
        return urlsplit(self.url).netloc

    @property
    def folder(self) -> str:
        """The folder in it; of a local store its whole path."""
        path = urlsplit(self.url).path
        return unquote(path) if self.scheme == "file" else path.strip("/")

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        known = (self.access_key_id, self.secret_access_key, self.session_token, self.account_key)
        return tuple(secret.reveal() for secret in known if secret is not None)

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        of_s3 = (self.region, self.access_key_id, self.secret_access_key, self.session_token)
        if self.scheme != "s3" and any(of_s3):
            raise mistake("`region` and access keys are S3's", "take them out, or use s3://")
        if self.scheme != "az" and (self.account or self.account_key):
            raise mistake("`account` is Azure's", "take it out, or use az://")
        if self.scheme != "gs" and self.service_account:
            raise mistake("`service_account` is Google's", "take it out, or use gs://")
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise mistake(
                "an access key has two halves", "write `access_key_id` and `secret_access_key`"
            )
        if self.scheme == "file" and self.endpoint:
            raise mistake("a folder has no `endpoint`", "take it out")
        if self.endpoint and urlsplit(self.endpoint).username is not None:
            raise mistake("`endpoint` has credentials in it", "write them as options of their own")
        return self
