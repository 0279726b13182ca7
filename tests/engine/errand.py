"""A runner in small: errand.py FOLDER --lock-fd N. It does what lies there and ends at once."""

from __future__ import annotations

import fcntl
import os
import sys
from pathlib import Path

from lastgood.engine.direct.spawn import gate


def main() -> None:
    folder, lock = Path(sys.argv[1]), int(sys.argv[3])
    os.set_inheritable(lock, False)  # noqa: FBT003 - positional only
    with (folder / "starts").open("a") as starts:
        starts.write(f"{os.getpid()}\n")
    while True:
        with gate(folder):
            rows = list(folder.glob("*.row"))
            if not rows:
                fcntl.flock(lock, fcntl.LOCK_UN)
                return
        for row in rows:
            row.rename(row.with_suffix(".done"))


if __name__ == "__main__":
    main()
