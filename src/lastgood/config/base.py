"""What every part of the configuration has in common: frozen, and no key that nobody reads."""

from __future__ import annotations

from typing import Any, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from lastgood.config.fault import mistake


class Strict(BaseModel):
    """A part of the configuration; an unknown key is a fault that names the known ones."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_by_name=True,
        validate_by_alias=True,
    )

    @classmethod
    def known_keys(cls) -> tuple[str, ...]:
        """The keys that may be written here."""
        return tuple(part.alias or name for name, part in cls.model_fields.items())

    @field_validator("*", mode="before")
    @classmethod
    def _no_word_for_a_number(cls, written: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever was written
        # pydantic takes true for 1, and a share of users that is over 1 never comes.
        if isinstance(written, bool):
            annotation = cls.model_fields[str(info.field_name)].annotation
            kinds = (annotation, *get_args(annotation))
            if bool not in kinds and any(number in kinds for number in (int, float, 1)):
                raise mistake("this should be a number", "write digits")
        return written

    @model_validator(mode="wrap")
    @classmethod
    def _name_known_keys(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401 - whatever was written
        try:
            return handler(data)
        except ValidationError as error:
            raise naming_known(error, cls.known_keys()) from None


def naming_known(error: ValidationError, known: tuple[str, ...]) -> ValidationError:
    """The same error; its unknown keys of the outermost level carry these known ones too."""
    faults = error.errors(include_url=False)
    if not any(map(_is_unknown_key, faults)):
        return error
    again = [_again(fault, known) for fault in faults]
    return ValidationError.from_exception_data(error.title, again, hide_input=True)


def _is_unknown_key(fault: Any) -> bool:  # noqa: ANN401 - pydantic's ErrorDetails
    return fault["type"] in {"extra_forbidden", "unknown_key"} and len(fault["loc"]) == 1


def _again(fault: Any, known: tuple[str, ...]) -> InitErrorDetails:  # noqa: ANN401 - likewise
    """The same fault once more; one of an unknown key carries the known ones."""
    context = dict(fault.get("ctx", {}))
    kind, message = fault["type"], fault["msg"]
    if _is_unknown_key(fault):
        kind, message, context = (
            "unknown_key",
            "unknown key",
            {"known": [*context.get("known", ()), *known]},
        )
    return InitErrorDetails(
        type=PydanticCustomError(kind, "{message}", {"message": message, **context}),
        loc=fault["loc"],
        input=fault["input"],
    )
