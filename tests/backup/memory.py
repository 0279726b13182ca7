"""Seals and opens so many MiB in a process of its own; prints its peak memory in KiB."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from tests.measuring import MEBIBYTE, fresh, tell_peak

from lastgood.backup.sealing import new_key, seal, unseal
from lastgood.model.sealed import SealedHeader


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
    _, opened = unseal(seal(fresh(wanted), key, header), key)
    got = sum(len(chunk) for chunk in opened)
    if got != wanted * MEBIBYTE:
        sys.exit("the stream did not come back")
    tell_peak()


if __name__ == "__main__":
    main()
