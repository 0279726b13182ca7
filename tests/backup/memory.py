"""Seals and opens so many MiB in a process of its own; prints its peak memory in KiB."""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lastgood.backup.sealing import new_key, seal, unseal
from lastgood.model.sealed import SealedHeader

if TYPE_CHECKING:
    from collections.abc import Iterator

MEBIBYTE = 1 << 20


def plain(mebibytes: int) -> Iterator[bytes]:
    """Fresh bytes, so that nothing shares its memory with anything."""
    for _ in range(mebibytes):
        yield secrets.token_bytes(MEBIBYTE)


def peak() -> str:
    """From /proc: what getrusage says begins with the size of the process that started this."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:"))


def main() -> None:
    header = SealedHeader(
        backup="b",
        part="dump",
        made_at=datetime(2026, 8, 1, tzinfo=UTC),
        server_version="",
        client_version="",
        compression="none",
        key_id="k",
    )
    key, wanted = new_key(), int(sys.argv[1])
    _, opened = unseal(seal(plain(wanted), key, header), key)
    got = sum(len(chunk) for chunk in opened)
    if got != wanted * MEBIBYTE:
        sys.exit("the stream did not come back")
    sys.stdout.write(peak())


if __name__ == "__main__":
    main()
