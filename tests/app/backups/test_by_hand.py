"""What docs/backups.md says, done to a backup that was just made, without lastgood."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyrage
from psycopg import sql

if TYPE_CHECKING:
    from tests.shop import Shop

DOCS = Path(__file__).parents[3] / "docs"
_BLOCK = re.compile(r"(?:^    .*\n)+", re.MULTILINE)


def commands() -> list[str]:
    """The commands of the page, block by block."""
    page = (DOCS / "backups.md").read_text(encoding="utf-8")
    return _BLOCK.findall(page.partition("## Step by step")[2])


def test_an_engineer_restores_it(stall: Shop) -> None:
    recovery = pyrage.x25519.Identity.generate()
    stall.backup["recipients"] = ["file:operational.key", f"age:{recovery.to_public()}"]
    stall.configure()
    made = stall.said("create")

    # Fetched to another machine, where there are the key from the safe and the program.
    fetched = stall.place.parent / "fetched"
    shutil.copytree(stall.part(made["id"]).parent, fetched)
    shutil.copy(DOCS / "decrypt.py", fetched)
    key = fetched / "recovery.txt"
    key.touch(mode=0o600)
    key.write_text(f"{recovery}\n", encoding="utf-8")
    shutil.rmtree(stall.place / "backups")

    fetch, look, decrypt, restore, pipe, *_ = commands()
    assert "s3 cp" in fetch
    done = by_hand(stall, fetched, look + decrypt + restore.replace("side", f"{stall.name}_a"))
    manifest = json.loads((fetched / "manifest.json").read_bytes())
    for part in manifest["parts"]:
        assert f"{part['sha256']}  {part['name']}" in done
    by_hand(stall, fetched, f"createdb {stall.name}_b\n" + pipe.replace("side", f"{stall.name}_b"))
    for name in (f"{stall.name}_a", f"{stall.name}_b"):
        for table in manifest["fingerprint"]["tables"]:
            with stall.server.superuser(name) as connection:
                query = sql.SQL("SELECT count(*) FROM {}").format(sql.SQL(table["table"]))
                assert connection.execute(query).fetchone() == (table["rows"],)

    for part in ("roles", "settings"):
        text = by_hand(stall, fetched, decrypt.replace("dump.pgdump", "/dev/stdout").replace(
            "< dump", f"< {part}"))  # fmt: skip
        assert stall.role in text or part == "settings"


def by_hand(stall: Shop, folder: Path, script: str) -> str:
    """Run commands as they stand there, in a shell that stops at the first that fails."""
    programs = (str(Path(sys.executable).parent), str(stall.server.programs / "bin"))
    done = subprocess.run(
        ["bash", "-e", "-c", re.sub(r"^    ", "", script, flags=re.MULTILINE)],
        cwd=folder,
        env={
            "PATH": os.pathsep.join([*programs, os.environ["PATH"]]),
            "PGHOST": str(stall.server.home),
            "PGUSER": "postgres",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout
