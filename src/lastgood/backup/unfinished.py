"""Uploads of backups that were begun and never finished: `kill -9` ends nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lastgood.backup.layout import PARTS, is_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from lastgood.ports.objects import ObjectStore, Upload


def unfinished_uploads(
    store: ObjectStore, environment: str, database: str, before: datetime
) -> Iterator[Upload]:
    """Those of parts of a database's backups, and of nothing else, that were begun before then.

    Raises:
        RemoteError: the store does not answer.
    """
    folder = f"{environment}/{database}"
    for upload in store.uploads(folder):
        backup, _, part = upload.key.removeprefix(f"{folder}/").partition("/")
        if is_id(backup) and part in PARTS and upload.at < before:
            yield upload
