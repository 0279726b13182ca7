from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from lastgood.drivers.objects.obstore import local
from lastgood.drivers.objects.obstore.local import LocalObjects
from lastgood.testing.objects import ObjectStoreConformance

if TYPE_CHECKING:
    from pathlib import Path

    from tests.aws import Bucket

    from lastgood.ports.objects import ObjectStore


class Folder:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.store: ObjectStore = LocalObjects(root)

    def reopened(self) -> ObjectStore:
        return LocalObjects(self.root)

    def debris(self) -> list[str]:
        return [
            name
            for _, _, names in os.walk(self.root)
            for name in names
            if local.UNFINISHED in name or name.startswith(".")
        ]


class Remote:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.store: ObjectStore = bucket.objects()

    def reopened(self) -> ObjectStore:
        return self._bucket.objects()

    def debris(self) -> list[str]:
        return [upload["Key"] for upload in self._bucket.unfinished()]


class TestFolder(ObjectStoreConformance):
    @pytest.fixture
    def scene(self, tmp_path: Path) -> Folder:
        return Folder(tmp_path / "store")


class TestFolderWithoutNamelessFiles(ObjectStoreConformance):
    """As on macOS, or a file system that is mounted from elsewhere."""

    @pytest.fixture
    def scene(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
        monkeypatch.setattr(local, "DESCRIPTORS", str(tmp_path / "absent"))
        return Folder(tmp_path / "store")


class TestS3(ObjectStoreConformance):
    @pytest.fixture
    def scene(self, bucket: Bucket) -> Remote:
        return Remote(bucket)
