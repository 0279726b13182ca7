"""What an HTTP check must not show, also when the other side sends it back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.drivers.check.http.options import HttpOptions

# Headers whose values everybody knows.
_PUBLIC = frozenset({"accept", "accept-language", "content-type", "host", "user-agent"})


def secrets_of(options: HttpOptions) -> set[str]:
    """The texts to mask: header values and their words, the body's values, the address's."""
    found = set(_address_secrets(options.url))
    for name, value in options.headers.items():
        if name.lower() not in _PUBLIC:
            text = value.reveal()
            found |= {text, *text.split()}
    if options.body is not None:
        found |= {options.body.reveal(), *_body_values(options.body.reveal())}
    return found


def _address_secrets(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    if parts.password:
        yield url
        yield parts.password
    for _, value in parse_qsl(parts.query):
        yield value


def _body_values(body: str) -> Iterator[str]:
    """The texts in a JSON body or a form: an answer may repeat one of them alone."""
    try:
        waiting = [msgspec.json.decode(body)]
    except (msgspec.DecodeError, RecursionError):
        yield from (value for _, value in parse_qsl(body))
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            yield value
