"""A runner of its own, to be killed: runner.py DIRECTORY TAG GRACE ARGV..."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from lastgood.errors import LastgoodError
from lastgood.process.guarded import GuardedChildren
from lastgood.process.masking import Masker


async def main() -> None:
    directory, tag, grace, *argv = sys.argv[1:]
    children = GuardedChildren(Path(directory), tag, Masker(), grace=float(grace))
    env = {"NEST": os.environ["NEST_LATER"], "NOTES": os.environ.get("NOTES", "")}
    try:
        await children.run(argv, timeout=100, env=env)
    except LastgoodError as error:
        sys.stdout.write(error.code)


if __name__ == "__main__":
    asyncio.run(main())
