"""A command group that knows its commands without importing them."""

from __future__ import annotations

import difflib
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from lastgood.cli.commands import COMMANDS, ENTRY_POINTS, PLANNED
from lastgood.errors import UsageError

if TYPE_CHECKING:
    from typer import _click as click


class LazyGroup(TyperGroup):
    """Lists commands from a table; loads one when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the table's order, then those of other packages."""
        del ctx
        return [*COMMANDS, *(point.name for point in _others())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module."""
        del ctx
        if cmd_name in COMMANDS:
            return _loaded(cmd_name, import_module(COMMANDS[cmd_name].module).app)
        for point in _others():
            if point.name == cmd_name:
                return _loaded(cmd_name, point.load())
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one is answered with the nearest."""
        name = args[0] if args else ""
        _refuse_planned(name, " ".join(args[:2]))
        known = name in COMMANDS or name.startswith("-") or name in self.list_commands(ctx)
        if name and not known:
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" Did you mean {near[0]}?" if near else " See lastgood --help."
            ctx.fail(f"There is no command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table alone."""
        del ctx
        rows = [(name, entry.summary) for name, entry in COMMANDS.items()]
        rows += [(point.name, _summary(point.value)) for point in _others()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _refuse_planned(*names: str) -> None:
    for name in names:
        if name in PLANNED:
            raise UsageError(
                f"lastgood {name} is not built yet",
                cause=f"it comes with {PLANNED[name]}",
                mend="do it by hand; what there is: lastgood --help",
                code="not-built",
            )


def _loaded(name: str, app: Any) -> click.Command:  # noqa: ANN401 - a Typer application
    command = typer.main.get_command(app)
    command.name = name
    return command


def _others() -> list[Any]:
    return sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)


def _summary(value: str) -> str:
    package = value.partition(":")[0].rpartition(".")[0]
    return {"lastgood.demo": "Watch a bad release being rolled back, here, on real parts."}.get(
        package, f"From {package}."
    )
