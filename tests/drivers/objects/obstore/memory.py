"""Puts and reads an object of so many MiB; prints this process's peak memory in KiB."""

from __future__ import annotations

import json
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.drivers.objects.obstore.driver import make
from lastgood.drivers.objects.obstore.options import ObstoreOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

MEBIBYTE = 1 << 20


def fresh(mebibytes: int) -> Iterator[bytes]:
    for _ in range(mebibytes):
        yield secrets.token_bytes(MEBIBYTE)


def peak() -> str:
    """From /proc: what getrusage says begins with the size of the process that started this."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))


def main() -> None:
    options = ObstoreOptions.model_validate(json.loads(sys.argv[1]))
    store, wanted = make(options, None), int(sys.argv[2])  # type: ignore[arg-type]  # no tools
    store.put("a/dump", fresh(wanted))
    if sum(map(len, store.read("a/dump"))) != wanted * MEBIBYTE:
        sys.exit("it did not come back")
    sys.stdout.write(peak())


if __name__ == "__main__":
    main()
