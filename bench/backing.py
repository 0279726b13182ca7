"""One backup with its proof and a restore, in a process of its own: prints what it took, as JSON.

python bench/backing.py lastgood.yaml
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from lastgood.app.backups.keys import identity_of
from lastgood.app.backups.ordering import order_backup
from lastgood.app.backups.place import place_of
from lastgood.app.backups.proving import part_of
from lastgood.app.project import Project
from lastgood.backup.layout import DUMP
from lastgood.backup.recipients import unwrap

HOLD_S = 3600.0


def main() -> None:
    """Make, prove, look at the memory, then restore and fingerprint once more by themselves."""
    project = Project.open(Path(sys.argv[1]))
    made = order_backup(project, None, None, if_due=False, tell=lambda _: None)
    stored = made.stored
    if stored is None or stored.proof is None or not stored.restorable:
        sys.exit(f"the backup is not proven: {made}")
    backup, peak = stored.backup, peak_mb()
    place = place_of(project, None)
    began = time.perf_counter()
    with place.database.snapshot(HOLD_S) as snapshot:
        snapshot.fingerprint()
    fingerprint = time.perf_counter() - began
    key = unwrap(backup.keys, identity_of(project, place, None), backup.id)
    began = time.perf_counter()
    place.database.restore("bench", part_of(place, backup, key, DUMP))
    restore = time.perf_counter() - began
    place.database.drop("bench")
    found = {
        "backup": backup.seconds,
        "proof": stored.proof.seconds,
        "fingerprint": fingerprint,
        "restore": restore,
        "peak_mb": peak,
        "database_mb": place.database.facts().bytes / 1e6,
    }
    project.close()
    sys.stdout.write(json.dumps(found))


def peak_mb() -> float:
    """The most memory that this process had, in MB.

    From /proc: what getrusage says begins with the size of the process that started this.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
