"""What can be written for a TCP check."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from lastgood.config.options import ConfigPath, DriverOptions, Interval, mistake

LAST_PORT = 65_535


def _address(text: str) -> str:
    host, port = parted(text)
    if not host or not port.isdecimal() or not 0 < int(port[:6]) <= LAST_PORT:
        raise mistake("this is no host and port", "write it as host:port, or [::1]:port")
    return text


def parted(text: str) -> tuple[str, str]:
    """Host and port of `host:port`; an IPv6 address stands in brackets."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1], port
    return ("" if ":" in host else host), port


class TcpOptions(DriverOptions):
    """The options of a TCP check."""

    tcp: Annotated[str, Field(max_length=300), AfterValidator(_address)] = Field(
        description="What is connected to: host:port."
    )
    timeout: Interval = Field(2.0, description="A look that takes longer has failed.")
    tls: bool = Field(default=False, description="Whether a TLS session is made.")
    tls_expires_within: Interval | None = Field(
        None, description="A certificate that ends sooner than this is not good."
    )
    ca: ConfigPath | None = Field(
        None, description="PEM file of the roots to trust instead of the system's."
    )
    verify: bool = Field(default=True, description="Whether the certificate must be valid.")

    @property
    def host(self) -> str:
        """The host's name or address."""
        return parted(self.tcp)[0]

    @property
    def port(self) -> int:
        """The port."""
        return int(parted(self.tcp)[1])

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.tls and (self.tls_expires_within or self.ca or not self.verify):
            raise mistake("without `tls` there is no certificate", "write `tls: true`")
        if not self.verify and (self.tls_expires_within or self.ca):
            raise mistake(
                "without `verify` no certificate is read, so its end and roots mean nothing",
                "take out `verify: false`, or `tls_expires_within` and `ca`",
            )
        return self
