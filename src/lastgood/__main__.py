"""The door from the shell: `lastgood` and `python -m lastgood`."""

from __future__ import annotations

import sys


def main() -> None:
    """Answer `--version` before anything is imported; hand all else to the command line."""
    if sys.argv[1:] == ["--version"]:
        from lastgood import __version__  # noqa: PLC0415 - the point is to import late

        sys.stdout.write(f"lastgood {__version__}\n")
        return
    from lastgood.cli.main import run  # noqa: PLC0415 - likewise

    sys.exit(run())


if __name__ == "__main__":
    main()
