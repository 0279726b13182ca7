"""Column types: how times, words, choices and nouns are written."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

from lastgood.model.noun import from_json, to_json
from lastgood.process.masking import harmless

E = TypeVar("E", bound=StrEnum)


def moment(at: datetime) -> str:
    """A time as it is written: UTC, fixed width, so that text sorts as time does.

    Raises:
        ValueError: the time has no zone.
    """
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {at.isoformat()}")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def one_line(text: str) -> str:
    """Text from outside in one line in which nothing acts on a terminal."""
    return " ".join(harmless(text).split())


class Moment(TypeDecorator[datetime]):
    """A time with a zone; read in UTC."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102 - given by SQLAlchemy
        return None if value is None else moment(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401, ARG002, D102 - given by SQLAlchemy
        return None if value is None else msgspec.convert(value, datetime)


class Words(TypeDecorator[str]):
    """Text for people, from outside: made harmless when it is written."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102 - given by SQLAlchemy
        return None if value is None else harmless(value)


class Choice(TypeDecorator[E], Generic[E]):
    """One of the words of an enumeration."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[E]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:  # noqa: ARG002, D102 - given by SQLAlchemy
        return None if value is None else self.kind(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> E | None:  # noqa: ANN401, ARG002, D102 - given by SQLAlchemy
        return None if value is None else msgspec.convert(value, self.kind)


class Document(TypeDecorator[Any]):
    """A noun as canonical JSON."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:  # noqa: ANN401 - also a generic such as dict[str, str]
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ANN401, ARG002, D102 - given by SQLAlchemy
        return None if value is None else to_json(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002, D102 - given by SQLAlchemy
        return None if value is None else from_json(value, self.kind)
