"""Puts and reads an object of so many MiB; prints this process's peak memory in KiB."""

from __future__ import annotations

import json
import sys

from tests.measuring import MEBIBYTE, fresh, tell_peak

from lastgood.drivers.objects.obstore.driver import make
from lastgood.drivers.objects.obstore.options import ObstoreOptions


def main() -> None:
    options = ObstoreOptions.model_validate(json.loads(sys.argv[1]))
    store, wanted = make(options, None), int(sys.argv[2])  # type: ignore[arg-type]  # no tools
    store.put("a/dump", fresh(wanted))
    if sum(map(len, store.read("a/dump"))) != wanted * MEBIBYTE:
        sys.exit("it did not come back")
    tell_peak()


if __name__ == "__main__":
    main()
