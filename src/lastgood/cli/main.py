"""From argument list to exit code."""

from __future__ import annotations

import json
import sys
import traceback

import typer

from lastgood.cli.group import LazyGroup
from lastgood.cli.session import error_text, fault_of
from lastgood.errors import (
    ExitCode,
    InterruptedByPersonError,
    LastgoodError,
    UsageError,
)
from lastgood.process.masking import harmless

app = typer.Typer(
    cls=LazyGroup,
    name="lastgood",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Bring production back to its last known good state, and prove it.",
    epilog="lastgood rollback goes back; lastgood plan shows beforehand what it would do.",
)

LEADING = {
    "--config": True, "--env": True,
    "--json": False, "--quiet": False, "--no-color": False, "--no-input": False,
}  # fmt: skip
"""The common options, and whether a value follows; `session.COMMON` is what commands get."""


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Bring production back to its last known good state, and prove it."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: list[str] | None = None) -> int:
    """Run one command; every error becomes a text or a JSON document, and an exit code."""
    given = in_place(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given
    error: LastgoodError
    try:
        result = typer.main.get_command(app)(given, prog_name="lastgood", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        error = _interrupted()
    except typer.TyperException as usage:
        error = _misused(usage)
        if not error.message:  # a group without a command: its help was shown
            return ExitCode.USAGE
    except LastgoodError as met:
        error = met
    except Exception as fault:  # noqa: BLE001 - programs are promised a document whatever happens
        sys.stderr.write(harmless(traceback.format_exc()))
        error = fault_of(fault)
    else:
        if result != ExitCode.INTERRUPTED:
            return result if isinstance(result, int) else ExitCode.GOOD
        error = _interrupted()  # Typer makes a number of Ctrl-C
    return _fail(error, as_json=as_json)


def in_place(given: list[str]) -> list[str]:
    """The words of a call with the common options that stand before the command behind it.

    Every command has them, so they are meant for it wherever they stand; what stands behind the
    command comes later, and so wins.
    """
    words = iter(given)
    leading: list[str] = []
    for word in words:
        if word.partition("=")[0] not in LEADING:
            rest = [word, *words]
            place = next((i for i, w in enumerate(rest) if w.startswith("-")), len(rest))
            return [*rest[:place], *leading, *rest[place:]]
        leading += [word, *([] if "=" in word or not LEADING[word] else [next(words, "")])]
    return given


def _interrupted() -> InterruptedByPersonError:
    return InterruptedByPersonError("interrupted", mend="see what goes on: lastgood status")


def _misused(usage: typer.TyperException) -> UsageError:
    """What Typer says of a wrong command line, as an error of ours."""
    context = getattr(usage, "ctx", None)
    message = usage.format_message() if hasattr(usage, "format_message") else str(usage)
    return UsageError(
        message, mend=f"see: {context.command_path if context else 'lastgood'} --help"
    )


def _fail(error: LastgoodError, *, as_json: bool) -> int:
    if as_json:
        from lastgood.report.documents import error_document  # noqa: PLC0415 - errors only

        sys.stdout.write(json.dumps(error_document(error), indent=2) + "\n")
    sys.stderr.write(f"lastgood: {error_text(error)}\n")
    return int(error.exit_code)
