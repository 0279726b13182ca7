from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.aws import KEY, SECRET

if TYPE_CHECKING:
    from tests.aws import Bucket

pytestmark = pytest.mark.linux
HELPER = Path(__file__).with_name("memory.py")
SMALL, LARGE = 80, 240
MOST_MORE = 40 * 1024


def peak(options: dict[str, object], mebibytes: int) -> int:
    done = subprocess.run(
        [sys.executable, HELPER, json.dumps(options), str(mebibytes)],
        check=True,
        capture_output=True,
        text=True,
        timeout=110,
    )
    return int(done.stdout)


def test_a_folder_takes_any_size_in_the_same_memory(tmp_path: Path) -> None:
    options: dict[str, object] = {"url": f"file://{tmp_path}"}
    assert peak(options, LARGE) - peak(options, SMALL) < MOST_MORE


@pytest.mark.timeout(240)
def test_s3_takes_any_size_in_the_same_memory(bucket: Bucket) -> None:
    options: dict[str, object] = {
        "url": f"s3://{bucket.name}/folder",
        "endpoint": bucket.endpoint,
        "region": "us-east-1",
        "access_key_id": KEY,
        "secret_access_key": SECRET,
    }
    assert peak(options, LARGE) - peak(options, SMALL) < MOST_MORE
