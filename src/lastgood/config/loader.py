"""From the file to the settings, with every fault in one report."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from lastgood.config import cross
from lastgood.config.choose import choose
from lastgood.config.document import Document, Node, Path_, read
from lastgood.config.explain import explain
from lastgood.config.fault import FaultyConfigError
from lastgood.config.model import Environment, Settings, unknown_environment
from lastgood.config.reading import Reading, Referred
from lastgood.config.references import expand, has_reference
from lastgood.config.secret import hide, maskable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lastgood.ports.spec import DriverRegistry


def load(
    path: Path,
    registry: DriverRegistry,
    environment: str | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read the configuration.

    Args:
        path: the file.
        registry: the drivers that may be named; a family without any is kept as written.
        environment: the one to read; the others are checked, but their references are not
            followed and they are not in the settings. None reads all.
        environ: where `${NAME}` is looked up; the process's own variables by default.

    Raises:
        FaultyConfigError: a ConfigError that lists every fault.
        UsageError: there is no such environment.
    """
    return _Load(read(path.absolute()), registry, environ).settings(environment)


def load_chosen(
    path: Path,
    registry: DriverRegistry,
    asked: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Settings, str]:
    """Read the environment that a command means; gives the settings and its name.

    Args:
        path: the file.
        registry: the drivers that may be named.
        asked: what `--env` says; see `choose_environment`.
        environ: where `ENVIRONMENT` and `${NAME}` are looked up.

    Raises:
        FaultyConfigError: a ConfigError that lists every fault.
        UsageError: there is no such environment, or it is not clear which is meant.
    """
    environ = os.environ if environ is None else environ
    document = read(path.absolute())
    top = document.root.value
    content = top["environments"].value if isinstance(top, dict) and "environments" in top else {}
    names = tuple(content) if isinstance(content, dict) else ()
    chosen = choose(names, asked, environ) if names else None
    settings = _Load(document, registry, environ).settings(chosen)
    return settings, chosen or ""


class _Load:
    """One load: gathers the faults of every stage."""

    def __init__(
        self, document: Document, registry: DriverRegistry, environ: Mapping[str, str] | None
    ) -> None:
        self.document = document
        self.faults = list(document.faults)
        self.environ = os.environ if environ is None else environ
        self.reading = Reading(file=document.file, registry=registry)
        # Where a reference is not followed or leads nowhere, the value is not judged.
        self._excused: set[Path_] = set()

    def settings(self, chosen: str | None) -> Settings:
        if not isinstance(self.document.root.value, dict):
            self._add((), "the file is not a mapping", "write `version: 1` and so on")
            raise self._report()
        written: dict[str, Any] = self._plain(self.document.root, (), chosen)
        environments = cross.mapping(written.get("environments"))
        names = tuple(environments)
        if chosen is not None and names and chosen not in names:
            raise unknown_environment(chosen, names)
        self.faults += cross.faults(self.document, written)
        reading = Reading(
            file=self.reading.file,
            registry=self.reading.registry,
            secrets=self.reading.secrets,
            left_out=tuple(name for name in names if chosen not in {None, name}),
        )
        for name in reading.left_out:
            try:
                aside = replace(reading, secrets=set())
                Environment.model_validate(environments[name], context=aside)
            except ValidationError as error:
                self._explain(error, ("environments", name))
        read_ones = {name: environments[name] for name in names if name not in reading.left_out}
        if read_ones:
            written["environments"] = read_ones
        try:
            settings = Settings.model_validate(written, context=reading)
        except ValidationError as error:
            self._explain(error, ())
            raise self._report() from None
        if self.faults:
            raise self._report()
        return settings

    def _add(self, path: Path_, what: str, mend: str) -> None:
        self.faults.append(self.document.fault(path, what, mend))

    def _explain(self, error: ValidationError, above: Path_) -> None:
        for finding in explain(error):
            path = (*above, *finding.path)
            place = self.document.written(path)
            if not any(place[: len(other)] == other for other in self._excused):
                self.faults.append(
                    self.document.fault(path, finding.what, finding.mend, finding.absent)
                )

    def _report(self) -> FaultyConfigError:
        secrets = self.reading.secrets
        masked = [
            replace(fault, what=hide(fault.what, secrets), mend=hide(fault.mend, secrets))
            for fault in dict.fromkeys(self.faults)
        ]
        return FaultyConfigError(self.document.file, masked)

    def _plain(self, node: Node, path: Path_, chosen: str | None) -> Any:  # noqa: ANN401 - any YAML
        """The tree as plain values with the references replaced, where they are to be followed."""
        value = node.value
        if isinstance(value, dict):
            return {key: self._plain(item, (*path, key), chosen) for key, item in value.items()}
        if isinstance(value, list):
            return [self._plain(item, (*path, place), chosen) for place, item in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        inside = path[:1] == ("environments",) and len(path) > 1
        if inside and chosen not in {None, path[1]}:
            if has_reference(value):
                self._excused.add(path)
            return value
        expansion = expand(value, self.environ, self.document.file.parent)
        for what, mend in expansion.faults:
            self._excused.add(path)
            self._add(path, what, mend)
        for secret in expansion.values:
            self.reading.secrets.update(maskable(secret))
        return Referred(expansion.text) if expansion.values else expansion.text
