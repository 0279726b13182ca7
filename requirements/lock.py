"""Lock every dependency with hashes, for all platforms, into files that pip alone can install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

FILES = {
    "runtime.txt": [],
    "demo.txt": ["--extra", "demo", "--group", "build"],
    "dev.txt": ["--extra", "demo", "--extra", "aws", "--group", "dev"],
}


def main() -> None:
    """Write each requirement file anew from pyproject.toml."""
    for name, options in FILES.items():
        command = [
            sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal",
            "--python-version", "3.11", "--generate-hashes", "--no-header",
            "--no-emit-index-url", *options, "pyproject.toml", "--output-file", str(HERE / name),
        ]  # fmt: skip
        subprocess.run(command, cwd=HERE.parent, check=True)


if __name__ == "__main__":
    main()
