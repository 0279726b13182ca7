"""What can be written for an HTTP check."""

from __future__ import annotations

from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from lastgood.config.options import ConfigPath, DriverOptions, Interval, Secret, Url, mistake
from lastgood.drivers.check.http.condition import Condition
from lastgood.drivers.check.pattern import Pattern


def _as_list(written: Any) -> Any:  # noqa: ANN401 - whatever was written
    return [written] if isinstance(written, int) else written


Status = Annotated[int, Field(ge=100, le=599)]
FieldPath = Annotated[str, Field(min_length=1, max_length=200)]
Header = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]


_ONE = {"type": "integer", "minimum": 100, "maximum": 599}
Statuses = Annotated[
    tuple[Status, ...],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "items": _ONE}]}),
]


class Expect(DriverOptions):
    """What a good answer looks like; all of it must hold."""

    status: Statuses = Field(
        (), description="The status, or a list of them; without it any from 200 to 299."
    )
    json_: dict[FieldPath, Condition] = Field(
        default_factory=dict,
        alias="json",
        description="Fields of a JSON answer by dotted path (`checks.0.state`), each with its "
        'value or a condition such as "< 5" or "!= down".',
    )
    contains: str | None = Field(None, min_length=1, description="A text that the body holds.")
    matches: Pattern | None = Field(
        None, description="A regular expression found in the body's first 16 KiB."
    )
    latency: Interval | None = Field(
        None, description="The whole answer is there sooner than this."
    )

    @property
    def reads_body(self) -> bool:
        """Whether any of it looks into the body."""
        return bool(self.json_) or self.contains is not None or self.matches is not None


class Version(DriverOptions):
    """Where the answer says which version answered; one of the three."""

    json_: FieldPath | None = Field(
        None, alias="json", description="Dotted path of a field of a JSON answer."
    )
    header: Header | None = Field(None, description="A header of the answer.")
    body: bool = Field(default=False, description="The body's first line.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum((self.json_ is not None, self.header is not None, self.body)) != 1:
            raise mistake(
                "the version's place is not clear",
                "write one of {json: FIELD}, {header: NAME}, {body: true}",
            )
        return self


class HttpOptions(DriverOptions):
    """The options of an HTTP check."""

    url: Url = Field(description="The address that is asked.")
    method: Annotated[str, Field(pattern=r"^[A-Z]{1,20}$")] = Field(
        "GET", description="GET, HEAD, POST..."
    )
    headers: dict[Header, Secret] = Field(
        default_factory=dict, description="Sent with the question; their values are never shown."
    )
    body: Secret | None = Field(None, description="Sent with the question; never shown.")
    timeout: Interval = Field(2.0, description="A look that takes longer has failed.")
    expect: Expect = Field(default_factory=Expect, description="What a good answer looks like.")
    version: Version | None = Field(
        None, description="Where the answer says which version answered."
    )
    redirects: int = Field(
        0,
        ge=0,
        le=20,
        description="How many redirects are followed; with 0 a redirect is the answer.",
    )
    tls_expires_within: Interval | None = Field(
        None, description="A certificate that ends sooner than this is not good."
    )
    ca: ConfigPath | None = Field(
        None, description="PEM file of the roots to trust instead of the system's."
    )
    verify: bool = Field(default=True, description="Whether the certificate must be valid.")
    keep_host: bool = Field(
        default=False,
        description="Instances are asked with this address's Host header and TLS name.",
    )

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if not self.verify and (self.tls_expires_within or self.ca):
            raise mistake(
                "without `verify` no certificate is read, so its end and roots mean nothing",
                "take out `verify: false`, or `tls_expires_within` and `ca`",
            )
        names = {name.lower() for name in self.headers}
        if "authorization" in names and urlsplit(self.url).username is not None:
            raise mistake(
                "the address has a user, and there is an Authorization header too",
                "keep one of them",
            )
        for value in self.headers.values():
            if any(sign in value.reveal() for sign in "\r\n\0"):
                raise mistake("a header's value has a line break", "write it on one line")
        return self
