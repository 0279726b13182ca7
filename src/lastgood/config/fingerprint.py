"""The hash of the configuration: the same on every machine, and free of secrets."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lastgood.config.secret import MASK, Secret, hide

if TYPE_CHECKING:
    from lastgood.config.model import Settings


def config_hash(settings: Settings, environment: str | None = None) -> str:
    """SHA-256 of the effective configuration, defaults included, as hexadecimal.

    Secrets count as masked, so a new password changes nothing; paths below the file's folder
    count as relative to it, so where the checkout lies changes nothing.

    Args:
        settings: what was read.
        environment: only this one's part; None takes all that was read.

    Raises:
        UsageError: there is no such environment.
    """
    part = settings if environment is None else settings.environment(environment)
    plain = _plain(part.model_dump(), settings.folder, settings.secrets)
    text = json.dumps(plain, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any, folder: Path, secrets: frozenset[str]) -> Any:  # noqa: ANN401 - any setting
    if isinstance(value, dict):
        return {str(key): _plain(inner, folder, secrets) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner, folder, secrets) for inner in value]
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Path):
        below = value.is_relative_to(folder)
        return os.path.relpath(value, folder) if below else str(value)
    if isinstance(value, bool | int | float | None):
        return value
    return hide(str(value), secrets)
