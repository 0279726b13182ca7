"""One call of the command line: its common options, its project, its two outputs."""

from __future__ import annotations

import functools
import inspect
import json
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lastgood.errors import ExitCode, LastgoodError, NotAllowedError
from lastgood.process.masking import harmless

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console, RenderableType

    from lastgood.app.project import Project
    from lastgood.report.documents import Document

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="The configuration; else lastgood.yaml, upward.")
]
EnvOption = Annotated[
    str | None, typer.Option("--env", help="The environment; else $ENVIRONMENT, else the only one.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Say only what must be said.")]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR works too.")]
NoInputOption = Annotated[bool, typer.Option("--no-input", help="Never ask anything.")]

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
]
"""For every command that changes something."""

COMMON: dict[str, tuple[Any, Any]] = {
    "config": (ConfigOption, None),
    "env": (EnvOption, None),
    "as_json": (JsonOption, False),
    "quiet": (QuietOption, False),
    "no_color": (NoColorOption, False),
    "no_input": (NoInputOption, False),
}
"""The options that every command has, with their defaults."""


class Session:
    """What the command's function is given."""

    def __init__(
        self,
        *,
        config: Path | None,
        env: str | None,
        as_json: bool,
        quiet: bool,
        no_color: bool,
        no_input: bool,
    ) -> None:
        self.config = config
        self.env = env
        self.as_json = as_json
        self.quiet = quiet
        self.no_color = no_color
        self.no_input = no_input

    @functools.cached_property
    def project(self) -> Project:
        """The opened project."""
        from lastgood.app.project import Project  # noqa: PLC0415 - `init` needs none

        return Project.open(self.config, self.env)

    @functools.cached_property
    def out(self) -> Console:
        """Where results for people go: stdout, or stderr when stdout is for JSON."""
        return self._console(stderr=self.as_json)

    @functools.cached_property
    def err(self) -> Console:
        """Where progress and errors go."""
        return self._console(stderr=True)

    def _console(self, *, stderr: bool) -> Console:
        from lastgood.cli.console import HarmlessConsole  # noqa: PLC0415 - JSON needs no Rich

        no_color = self.no_color or None  # None: the variable NO_COLOR decides
        return HarmlessConsole(stderr=stderr, no_color=no_color, highlight=False, markup=False)

    def veil(self, error: LastgoodError) -> None:
        """Hide the secrets in what an error says: a library or a server may have said it."""
        mask = self._mask
        error.message, error.cause, error.mend = map(mask, (error.message, error.cause, error.mend))

    def fault(self, broken: Exception) -> LastgoodError:
        """The error for what should never have happened; its traceback goes to stderr."""
        trace = "".join(traceback.format_exception(broken))
        sys.stderr.write(harmless(self._mask(trace)))
        error = fault_of(broken)
        self.veil(error)
        return error

    def _mask(self, text: str) -> str:
        # Without an opened project no secret was read.
        return self.project.masker.mask(text) if "project" in self.__dict__ else text

    def close(self) -> None:
        """Give back what was opened."""
        if "project" in self.__dict__:  # it is made when it is first asked for
            self.project.close()

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return not self.no_input and sys.stdin.isatty() and sys.stderr.isatty()

    def say(self, document: Document, text: Callable[[], RenderableType]) -> None:
        """Answer: the document with `--json`, else the text."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
        elif not self.quiet:
            self.out.print(text(), soft_wrap=False)

    def would(self, act: str, document: Document) -> None:
        """Answer a `--dry-run`: what would be done, and to what; nothing was done."""
        self.say({"dry_run": True, "would": act, **document}, lambda: f"would {act}")

    def tell(self, text: RenderableType, *, whole: bool = False) -> None:
        """Say what is going on, on stderr, unless quiet.

        Args:
            text: what to say.
            whole: its lines are not broken, however long: they are commands to be copied.
        """
        if not self.quiet:
            self.err.print(text, soft_wrap=whole)

    def warn(self, error: LastgoodError) -> None:
        """Say what did not work beside what did: never silenced, as errors are not."""
        sys.stderr.write(f"lastgood: {error_text(error)}\n")

    def confirm(self, name: str, given: str | None, question: str) -> None:
        """Require the environment's name: by `--confirm`, or typed by a person.

        Raises:
            NotAllowedError: it is missing or wrong.
        """
        answer = given
        if answer is None and self.interactive:
            self.err.print(question)
            answer = typer.prompt(f"Type {name} to go on", err=True, default="", show_default=False)
        if answer is None:
            raise NotAllowedError(
                f"this changes {name} and was not confirmed",
                mend=f"add --confirm {name}",
                code="not-confirmed",
            )
        if answer != name:
            raise NotAllowedError(
                f"{answer!r} is not the name of the environment",
                mend=f"add --confirm {name}",
                code="not-confirmed",
            )


def command(app: typer.Typer, name: str | None = None) -> Callable[..., Any]:
    """Register a function as a command; it gets a `Session` first and the common options around.

    The function gives its exit code; None is good.
    """

    def register(function: Callable[..., ExitCode | None]) -> Callable[..., ExitCode | None]:
        signature = inspect.signature(function, eval_str=True)
        own = [p for p in signature.parameters.values() if p.name != "session"]

        @functools.wraps(function)
        def call(**given: Any) -> None:  # noqa: ANN401 - whatever the options are
            common = {key: given.pop(key) for key in COMMON}
            session = Session(**common)
            try:
                code = function(session, **given)
            except LastgoodError as error:
                session.veil(error)
                raise
            except (typer.TyperException, typer.Exit, typer.Abort, BrokenPipeError):
                raise
            except Exception as broken:  # noqa: BLE001 - what a library says may hold a secret
                raise session.fault(broken) from None
            finally:
                session.close()
            raise typer.Exit(int(code or ExitCode.GOOD))

        common = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
            for key, (kind, default) in COMMON.items()
        ]
        own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]
        call.__signature__ = inspect.Signature([*own, *common])  # type: ignore[attr-defined]  # Typer reads it
        call.__annotations__ = {p.name: p.annotation for p in [*own, *common]}
        app.command(name)(call)
        return function

    return register


def fault_of(broken: Exception) -> LastgoodError:
    """The error for a fault of lastgood itself."""
    return LastgoodError(
        "lastgood has a fault",
        cause=f"{type(broken).__name__}: {broken}",
        mend="report it with the lines that begin with Traceback; see what is going on: "
        "lastgood status",
        code="fault",
    )


def error_text(error: LastgoodError) -> str:
    """An error for people: what, why and the mend, a line each; what others said cannot act."""
    lines = [error.message]
    if error.cause:
        lines.append(f"  why:  {error.cause}")
    if error.mend:
        lines.append(f"  mend: {error.mend}")
    return harmless("\n".join(lines))
