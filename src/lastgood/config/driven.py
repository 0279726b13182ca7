"""A part of the configuration that a driver serves: common keys, and the driver's own options."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from pydantic import (
    Field,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from lastgood.config.base import Strict, naming_known
from lastgood.config.fault import mistake, suggestion
from lastgood.config.options import DriverOptions
from lastgood.config.reading import Reading
from lastgood.config.reserved import CONTRACTS, Contract, keep, named_by
from lastgood.ports.spec import DriverRegistry, Family, resolve


class Driven(Strict):
    """Written flat: `{driver: NAME, ...common keys, ...the driver's options}`.

    A common key that the driver's options name too (a check's `timeout`) is given to both.
    """

    family: ClassVar[Family]

    driver: str = Field(description="The driver's name; a check may be named by its key instead.")
    options: SerializeAsAny[DriverOptions] = Field(
        description="The driver's own options, written beside the common keys."
    )

    @classmethod
    def common_keys(cls) -> tuple[str, ...]:
        """The keys that are read whatever the driver is."""
        return tuple(name for name in cls.model_fields if name != "options")

    @model_validator(mode="before")
    @classmethod
    def _part_options(cls, data: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever was written
        if not isinstance(data, dict) or isinstance(data.get("options"), DriverOptions):
            return data
        own = {key: value for key, value in data.items() if key in cls.common_keys()}
        options = {key: value for key, value in data.items() if key not in own}
        if isinstance(info.context, Reading):
            registry = info.context.registry
            if "driver" not in own:
                own |= cls._named_by_key(options, registry)
            if own.get("driver") in registry.names(cls.family):
                model = cls._model(own["driver"], registry)
                options |= {key: own[key] for key in own if key in model.known_keys()}
        return {**own, "options": options}

    @classmethod
    def _named_by_key(cls, options: dict[str, Any], registry: DriverRegistry) -> dict[str, str]:
        keys = named_by(cls.family, registry)
        named = [key for key in keys if key in options]
        if len(named) > 1:
            raise mistake(
                f"{' and '.join(named)} each name a driver",
                "keep one of them, or say which by `driver:`",
            )
        return {"driver": keys[named[0]]} if named else {}

    @classmethod
    def _model(cls, driver: str, registry: DriverRegistry) -> type[DriverOptions]:
        return cast("type[DriverOptions]", resolve(registry.spec(cls.family, driver).options))

    @field_validator("driver")
    @classmethod
    def _is_known(cls, driver: str, info: ValidationInfo) -> str:
        names = info.context.registry.names(cls.family) if info.context else ()
        if (
            names
            and driver not in names
            and driver in CONTRACTS.get(cls.family, Contract()).promised
        ):
            raise mistake(
                f"the {cls.family} driver {driver} comes with a later version",
                f"until then take one of: {', '.join(sorted(names))}",
            )
        if names and driver not in names:
            raise mistake(
                f"there is no {cls.family} driver {driver[:40]!r}", suggestion(driver, names)
            )
        return driver

    @field_validator("options", mode="wrap")
    @classmethod
    def _by_driver(cls, written: Any, handler: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever was written
        if isinstance(written, DriverOptions) or "driver" not in info.data:
            return written
        if not isinstance(info.context, Reading):
            return handler(written)
        registry = info.context.registry
        if not registry.names(cls.family):
            return keep(cls.family, written, info.context)
        model = cls._model(info.data["driver"], registry)
        try:
            return model.model_validate(written, context=info.context)
        except ValidationError as error:
            raise naming_known(error, cls.common_keys()) from None
