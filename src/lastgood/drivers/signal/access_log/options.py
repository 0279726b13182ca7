"""What can be written for an access log."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lastgood.config.options import ConfigPath, DriverOptions, Interval

FieldPath = Annotated[str, Field(min_length=1, max_length=200)]
Word = Annotated[str, Field(min_length=1, max_length=200)]

# What commonly asks a server without being a user.
PROBES = (
    "lastgood",
    "kube-probe",
    "ELB-HealthChecker",
    "GoogleHC",
    "Blackbox Exporter",
    "Prometheus",
    "Uptime-Kuma",
    "UptimeRobot",
    "Gatus",
    "Pingdom",
    # Not "bot" alone: there are telephones of that name.
    "bot/",
    "bot-",
    "crawler",
    "spider",
)


class Exclude(DriverOptions):
    """Requests that no user made."""

    agents: tuple[Word, ...] = Field(
        PROBES, description="Words in the user agent of probes and bots, in any case."
    )
    paths: tuple[Word, ...] = Field((), description="Beginnings of the paths that probes ask.")


class AccessLogOptions(DriverOptions):
    """The options of an access log."""

    path: ConfigPath = Field(
        description="The log: one JSON object per line, as Caddy and nginx do."
    )
    user: FieldPath = Field(
        description="Dotted path of the field that names the user, best as a hash: "
        "`request.headers.X-User-Hash` (Caddy), `user_hash` (nginx)."
    )
    status: FieldPath = Field("status", description="Dotted path of the answer's status.")
    time: FieldPath | None = Field(
        None,
        description="Dotted path of the time: seconds since 1970 or ISO 8601. Without it `ts`, "
        "`msec`, `time_iso8601`, `time` and `@timestamp` are tried.",
    )
    window: Interval = Field(60.0, description="How far back it is measured.")
    failed: int = Field(500, ge=400, le=599, description="The lowest status that is a failure.")
    exclude: Exclude = Field(
        default_factory=Exclude, description="Requests that are not counted: probes and bots."
    )
