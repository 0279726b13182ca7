"""Make what the pages derive from the code anew: schema, tables, commands, drivers.

`--check` changes nothing and exits 1 when something is not current.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pages import commands_page, drivers_page, with_command_table

from lastgood.app.registry import registry
from lastgood.config.reference import renew
from lastgood.config.schema import schema_text

FOLDER = Path(__file__).parent


def main() -> int:
    """Write the files, or compare them."""
    drivers = registry()
    page, readme = FOLDER / "configuration.md", FOLDER.parent / "README.md"
    wanted = {
        FOLDER / "lastgood.schema.json": schema_text(drivers),
        page: renew(page.read_text(encoding="utf-8"), drivers),
        FOLDER / "commands.md": commands_page(),
        FOLDER / "drivers.md": drivers_page(),
        readme: with_command_table(readme.read_text(encoding="utf-8")),
    }
    stale = [
        file
        for file, text in wanted.items()
        if not file.exists() or file.read_text(encoding="utf-8") != text
    ]
    if "--check" not in sys.argv:
        for file in stale:
            file.write_text(wanted[file], encoding="utf-8")
        return 0
    for file in stale:
        sys.stderr.write(f"{file} is not current; renew it with: make schema\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
