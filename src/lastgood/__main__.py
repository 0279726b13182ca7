"""The door from the shell: `lastgood` and `python -m lastgood`."""

from __future__ import annotations

import gc
import os
import sys

FEW_COLLECTIONS = 100_000
"""Container objects made between two collections of garbage: loading a command makes tens of
thousands, all of which stay, and looking through them again and again took an eighth of `status`.
"""


def main() -> None:
    """Answer `--version` before anything is imported; hand all else to the command line."""
    if sys.argv[1:] == ["--version"]:
        from lastgood import __version__  # noqa: PLC0415 - the point is to import late

        sys.stdout.write(f"lastgood {__version__}\n")
        return
    gc.set_threshold(FEW_COLLECTIONS)
    # No other package has a say in how a configuration is read; finding those who might takes time.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    from lastgood.cli.main import run  # noqa: PLC0415 - likewise

    sys.exit(run())


if __name__ == "__main__":
    main()
