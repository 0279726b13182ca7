"""A store folder on a disk that is really full: a small one, in a mount namespace of its own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import psycopg
import pytest

from lastgood.demo.database import is_root

if TYPE_CHECKING:
    from tests.shop import Shop

# Its dump is larger than what is left of the disk.
NOISE = "CREATE TABLE noise AS SELECT md5(n::text) t FROM generate_series(1, 60000) n"
UNMOUNTABLE = 77
SCRIPT = """
mount -t tmpfs -o size=16m small "$2" || exit 77
head -c 16500000 /dev/zero > "$2/filler"
"$1" -m lastgood backup create --json --config "$3"
echo "code $?"
rm "$2/filler"
find "$2" -type f
"$1" -m lastgood backup create --json --quiet --config "$3" >&2
echo "code $?"
find "$2" -type f -name proof.json
"""


@pytest.mark.linux
def test_a_full_store_is_said_and_the_next_backup_works(stall: Shop) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare(1)")
    with psycopg.connect(stall.dsn, autocommit=True) as connection:
        connection.execute(NOISE)
    folder = stall.place / "small"
    folder.mkdir()
    stall.backup["store"] = f"file://{folder}"
    stall.configure()
    alone = ["unshare", "--mount", *([] if is_root() else ["--map-root-user"])]
    words = [sys.executable, str(folder), str(stall.place / "lastgood.yaml")]
    ran = subprocess.run(
        [*alone, "sh", "-c", SCRIPT, "sh", *words],
        check=False, capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    if ran.returncode == UNMOUNTABLE or "unshare" in ran.stderr:
        pytest.skip(f"no disk may be mounted here: {ran.stderr}")

    said, _, rest = ran.stdout.partition("code 1\n")
    error = json.loads(said)["error"]
    assert error["code"] == "store-failed"
    assert "no space left on device" in error["cause"].lower()
    assert "room" in error["mend"]
    # Nothing was left on it, and with more room all went well.
    left, _, proofs = rest.partition("code 0\n")
    assert left == "", ran.stderr
    assert len(proofs.splitlines()) == 1
    assert stall.databases() == {stall.name}
