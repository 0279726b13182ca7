from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.measuring import peak

if TYPE_CHECKING:
    from pathlib import Path

    from tests.aws import Bucket

pytestmark = pytest.mark.linux
SMALL, LARGE = 80, 240
MOST_MORE = 40 * 1024


def more(options: dict[str, object]) -> int:
    """How much more memory the larger object takes, in KiB."""
    small, large = (
        peak("tests.drivers.objects.obstore.memory", json.dumps(options), str(mebibytes))
        for mebibytes in (SMALL, LARGE)
    )
    return large - small


def test_a_folder_takes_any_size_in_the_same_memory(tmp_path: Path) -> None:
    assert more({"url": f"file://{tmp_path}"}) < MOST_MORE


@pytest.mark.timeout(240)
def test_s3_takes_any_size_in_the_same_memory(bucket: Bucket) -> None:
    assert more(bucket.written(part=16)) < MOST_MORE
