"""A text that cannot be printed by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pydantic_core import SchemaSerializer, core_schema

from lastgood.config.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

MASK = "***"
_SHORTEST = 4


class Secret:
    """Shows as `***` wherever it is written; only `reveal` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text: str | None = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it.

        Raises:
            ValueError: this is the masked copy that was made by pickling.
        """
        if self._text is None:
            raise ValueError("a pickled secret has lost its text: read the configuration again")
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _masked, ()

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def keep(text: str, info: core_schema.ValidationInfo) -> Secret:
            if isinstance(info.context, Reading):
                info.context.secrets.update(maskable(text))
            return Secret(text)

        written = core_schema.with_info_after_validator_function(
            keep, core_schema.str_schema(min_length=1)
        )
        return core_schema.union_schema(
            [core_schema.is_instance_schema(cls), written],
            mode="left_to_right",
            custom_error_type="string_type",
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, when_used="json", return_schema=core_schema.str_schema()
            ),
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "writeOnly": True}

    # So that a secret inside a mapping of any values is written as *** too.
    __pydantic_serializer__ = SchemaSerializer(
        core_schema.any_schema(
            serialization=core_schema.plain_serializer_function_ser_schema(
                str, when_used="json", return_schema=core_schema.str_schema()
            )
        )
    )


def _masked() -> Secret:
    secret = Secret("")
    secret._text = None  # noqa: SLF001 - our own class: this copy must not know the text
    return secret


def maskable(text: str) -> set[str]:
    """What must be masked in output so that this secret does not show.

    A text of fewer than four characters is left out: masking it would only garble the output.
    The password of an address is named on its own too, since tools print it alone.
    """
    found = {text, *text.splitlines()}
    try:
        password = urlsplit(text).password or ""
    except ValueError:
        password = ""
    found |= {password, unquote(password)}
    return {part for part in found if len(part) >= _SHORTEST}


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text with every one of the secrets masked, the longest first."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
