"""Uploads to S3 that `kill -9` left are ended before the next backup; others' are not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.drivers.objects.obstore.uploader import kill_in_mid_upload
from tests.proxy import Proxy

from lastgood.app.backups.place import place_of
from lastgood.app.backups.tidying import end_old_uploads
from lastgood.app.project import Project
from lastgood.backup.layout import new_id

if TYPE_CHECKING:
    from tests.aws import Bucket
    from tests.shop import Shop

pytestmark = pytest.mark.linux


def left(bucket: Bucket) -> set[str]:
    return {upload["Key"].removeprefix("some/folder/") for upload in bucket.unfinished()}


def test_old_ones_of_ours_are_ended_and_no_others(stall: Shop, bucket: Bucket) -> None:
    stall.backup["store"] = bucket.written()
    stall.configure()
    mine = f"production/main/{new_id(datetime.now(UTC))}"
    foreign = {
        f"{mine}/notes", "production/main/notes", f"production/main2/{mine[-29:]}/dump",
        f"{mine}/dump/more", f"staging/main/{mine[-29:]}/dump",
    }  # fmt: skip
    for key in foreign:
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key=f"some/folder/{key}")
    kill_in_mid_upload(bucket.written(), f"{mine}/dump")
    assert left(bucket) == {f"{mine}/dump", *foreign}

    project = Project.open(stall.place / "lastgood.yaml")
    # This S3 says of every upload that it was begun in 2010; a hundred years ago is before that.
    end_old_uploads(project, place_of(project, None), timedelta(days=36_500))
    assert left(bucket) == {f"{mine}/dump", *foreign}

    stall.said("create")
    assert left(bucket) == foreign
    (event,) = project.state.events.tail(9, "production", ("backup.swept",))
    project.close()
    assert f"{mine}/dump" in event.text


def test_a_store_that_does_not_show_them_keeps_no_backup_back(stall: Shop, bucket: Bucket) -> None:
    asks = re.compile(r"^GET .*\?uploads")
    with Proxy(bucket.endpoint, lambda line: "403" if asks.match(line) else None) as proxy:
        stall.backup["store"] = bucket.written(endpoint=proxy.endpoint)
        stall.configure()
        ran = stall.run("create", "--json")
    assert ran.code == 0
    assert ran.json["verified_at"]
    assert "could not be ended" in ran.err
