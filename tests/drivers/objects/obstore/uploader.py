"""Uploads without end, until it is killed; says so once parts have arrived."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from lastgood.config.options import Secret  # noqa: F401 - what the options are made of
from lastgood.drivers.objects.obstore.driver import make
from lastgood.drivers.objects.obstore.options import ObstoreOptions

if TYPE_CHECKING:
    from collections.abc import Iterator


def kill_in_mid_upload(options: dict[str, object], key: str) -> None:
    """Run this in a process of its own, and kill it once parts have arrived."""
    with subprocess.Popen(
        [sys.executable, __file__, json.dumps(options), key], stdout=subprocess.PIPE, text=True
    ) as uploader:
        assert uploader.stdout is not None
        assert uploader.stdout.readline() == "parts\n"
        uploader.kill()


def endless() -> Iterator[bytes]:
    sent = 0
    while True:
        yield bytes(1 << 20)
        sent += 1
        if sent == 32:
            sys.stdout.write("parts\n")
            sys.stdout.flush()
        if sent > 32:
            time.sleep(0.1)


def main() -> None:
    options = ObstoreOptions.model_validate(json.loads(sys.argv[1]))
    make(options, None).put(sys.argv[2], endless())  # type: ignore[arg-type]  # it takes no tools


if __name__ == "__main__":
    main()
