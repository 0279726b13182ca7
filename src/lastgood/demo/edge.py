"""The edge: Caddy in front of the backend's instances and the static frontend."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from lastgood.demo.layout import tool

if TYPE_CHECKING:
    from lastgood.demo.layout import Layout

ACCESS_LOGGER = "http.log.access.requests"


def write_configuration(layout: Layout) -> list[str]:
    """Write Caddy's configuration and return the command that runs it."""
    path = layout.root / "config" / "caddy.json"
    path.write_text(json.dumps(_configuration(layout), indent=2), encoding="utf-8")
    return [tool("caddy"), "run", "--config", str(path)]


def _configuration(layout: Layout) -> dict[str, Any]:
    return {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {
            "logs": {
                "default": {"level": "WARN", "exclude": [ACCESS_LOGGER]},
                "requests": {
                    "include": [ACCESS_LOGGER],
                    "encoder": {"format": "json"},
                    "writer": {
                        "output": "file",
                        "filename": str(layout.access_log),
                        "roll": False,
                    },
                },
            }
        },
        "apps": {
            "http": {
                "servers": {
                    "edge": {
                        "listen": [f"127.0.0.1:{layout.edge_port}"],
                        "protocols": ["h1"],
                        "automatic_https": {"disable": True},
                        "logs": {"default_logger_name": "requests"},
                        "routes": [_backend(layout), _frontend(layout)],
                    }
                }
            }
        },
    }


def _backend(layout: Layout) -> dict[str, Any]:
    # An instance that is to stop answers the edge's next question for its health with 503, and
    # closes its port only then; one that dies without a word costs a retry, not a request.
    return {
        "match": [{"path": ["/api/*", "/health"]}],
        "handle": [
            {
                "handler": "reverse_proxy",
                "upstreams": [{"dial": f"127.0.0.1:{port}"} for port in layout.instance_ports],
                "load_balancing": {
                    "selection_policy": {"policy": "round_robin"},
                    "try_duration": "5s",
                    "try_interval": "25ms",
                },
                "health_checks": {
                    "active": {
                        "uri": "/health?from=edge",
                        "interval": "100ms",
                        "timeout": "5s",
                        "expect_status": 200,
                    },
                    "passive": {"fail_duration": "200ms"},
                },
                "transport": {"protocol": "http", "dial_timeout": "500ms"},
            }
        ],
        "terminal": True,
    }


def _frontend(layout: Layout) -> dict[str, Any]:
    return {
        "handle": [
            {"handler": "file_server", "root": str(layout.service("frontend") / "current")},
        ],
    }
