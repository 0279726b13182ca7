"""The pages and tables that are made from the code itself, so that they cannot be wrong."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import typer

from lastgood import drivers
from lastgood.app.registry import registry
from lastgood.cli.commands import COMMANDS
from lastgood.cli.main import app
from lastgood.cli.session import COMMON

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lastgood.ports.spec import DriverSpec

_MADE = "<!-- Made by `make schema` from {}: change it there. -->"
_TABLE = re.compile(r"(<!-- commands -->\n).*?(<!-- end -->)", re.DOTALL)
_COMMON_PAGE = """\
Every command has these:

{options}

What changes something has `--dry-run`. With `--json` stdout holds one JSON document and nothing
else, progress goes to stderr; an error is `{{"error": {{code, message, cause, mend}}}}`. Exit codes
are in the [README](../README.md#commands). `lastgood --install-completion` teaches them to your
shell.
"""

_DRIVERS_INTRODUCTION = """\
What stands under `driver:` in lastgood.yaml. The family `repository` is named by no key of its own:
it serves whichever deploy driver is given a `repository`."""


def with_command_table(page: str) -> str:
    """The README with its table of commands made anew."""
    rows = [f"| `{name}` | {entry.summary} |" for name, entry in COMMANDS.items()]
    table = "\n".join(["| command | what it is for |", "|---|---|", *rows, ""])
    return _TABLE.sub(lambda match: f"{match[1]}{table}{match[2]}", page)


def commands_page() -> str:
    """The reference of the command line."""
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="lastgood")
    names = [*COMMANDS, "demo"]
    known = {name: group.get_command(context, name) for name in names}  # type: ignore[attr-defined]  # a LazyGroup
    common = [param for param in known["status"].params if param.name in COMMON]
    parts = [
        "# Commands",
        _MADE.format("the command line"),
        _COMMON_PAGE.format(options="\n".join(map(_option, common))).rstrip(),
    ]
    for name, command in known.items():
        parts += _sections(f"lastgood {name}", command)
    return "\n\n".join(parts) + "\n"


def _sections(name: str, command: Any) -> Iterator[str]:  # noqa: ANN401 - Typer hides its classes
    """A command's section, or one for each command of a group."""
    inner = getattr(command, "commands", None)
    if inner is not None:
        for part, child in inner.items():
            yield from _sections(f"{name} {part}", child)
        return
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    left_out = {*COMMON, "install_completion", "show_completion", "help"}
    options = [
        p for p in command.params if p.param_type_name == "option" and p.name not in left_out
    ]
    shown = [_argument_name(argument) for argument in arguments]
    usage = " ".join([name, *shown, *(_required(p) for p in options if p.required)])
    yield f"## {name}"
    yield f"    {usage}{' [OPTIONS]' if any(not p.required for p in options) else ''}"
    yield " ".join((command.help or "").split())
    listed = [f"- `{_argument_name(p)}`: {p.help}" for p in arguments if getattr(p, "help", None)]
    listed += map(_option, options)
    if listed:
        yield "\n".join(listed)


def _argument_name(argument: Any) -> str:  # noqa: ANN401 - likewise
    name = argument.metavar or argument.name.upper()
    return name if argument.required else f"[{name}]"


def _required(option: Any) -> str:  # noqa: ANN401 - likewise
    return f"{option.opts[0]} {_value(option)}"


def _option(option: Any) -> str:  # noqa: ANN401 - likewise
    """One line for an option: its form, its meaning, its default."""
    form = " ".join([", ".join(option.opts), _value(option)]).strip()
    default = option.default.value if isinstance(option.default, Enum) else option.default
    has = default not in (None, False, "", [], ()) and not option.required and not callable(default)
    notes = [option.help or ""]
    notes += ["May be repeated."] if option.multiple and "repeated" not in notes[0] else []
    notes += [f"Default: `{default}`."] if has else []
    return f"- `{form}`: {' '.join(notes).strip()}"


def _value(option: Any) -> str:  # noqa: ANN401 - likewise
    """What is written after an option; nothing for a flag."""
    if option.is_flag:
        return ""
    kind = option.type_descriptor.annotation
    kinds = [each for each in (kind, *get_args(kind)) if isinstance(each, type)]
    choices = next((each for each in kinds if issubclass(each, Enum)), None)
    if choices is not None:
        return "|".join(str(choice.value) for choice in choices)
    return str(option.metavar or option.opts[0].lstrip("-").upper())


def drivers_page() -> str:
    """Each built-in driver's own README, one after the other."""
    folder = Path(drivers.__path__[0])
    found = sorted(_specs(folder), key=lambda pair: (pair[0].family, pair[0].name))
    listed = [
        f"- [{spec.family}: {spec.name}](#{spec.family}-{spec.name}): {spec.summary}"
        for spec, _ in found
    ]
    parts = [
        "# Drivers",
        _MADE.format("the README in each driver's folder"),
        _DRIVERS_INTRODUCTION,
        "\n".join(listed),
    ]
    for spec, readme in found:
        _, _, body = readme.read_text(encoding="utf-8").partition("\n")
        parts += [f"## {spec.family}: {spec.name}", _deeper(body).strip()]
    return "\n\n".join(parts) + "\n"


def _specs(folder: Path) -> Iterator[tuple[DriverSpec, Path]]:
    """The built-in drivers; those of other packages have pages of their own."""
    register = registry()
    for readme in folder.glob("*/*/README.md"):
        family, package = readme.parts[-3:-1]
        for name in register.names(family):  # type: ignore[arg-type]  # a folder is a family
            spec = register.spec(family, name)  # type: ignore[arg-type]  # likewise
            if spec.options.startswith(f"{drivers.__name__}.{family}.{package}."):
                yield spec, readme


def _deeper(body: str) -> str:
    """The text with each heading one level down."""
    return re.sub(r"^(#+ )", r"#\1", body, flags=re.MULTILINE)
