"""The environment a child starts with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Named one by one: a variable such as GIT_DIR, LD_PRELOAD or PYTHONPATH, left over in the shell of
# the person on call, must not turn a rollback against another repository or another library.
_INHERITED = frozenset(
    {
        *("HOME", "LOGNAME", "USER", "PATH", "TMPDIR", "TZ"),
        *("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_COLLATE", "LC_MESSAGES", "LC_TIME"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"),
        *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
        *("SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO"),
    }
)


def inherited(added: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a child inherits of our own environment, and what its caller adds."""
    kept = {name: value for name, value in os.environ.items() if name in _INHERITED}
    return {**kept, **(added or {})}
