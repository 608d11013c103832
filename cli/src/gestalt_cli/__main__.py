"""The `gestalt` command. Errors are one line on stderr; the exit code is 2 for a command that was not understood."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from typing import Any

import typer
from msgspec import Struct
from typer import Abort, Exit, TyperException

from gestalt_cli.errors import CommandFailed

INTERRUPTED = 128 + signal.SIGINT
"""As shells count it."""
COMPLETING = "_GESTALT_COMPLETE"
"""Set by the shell's completion: then every command has to be known."""


class Command(Struct, frozen=True):
    """Where a command is: a function of `gestalt_cli.commands.<module>`."""

    module: str
    function: str
    settings: dict[str, Any] = {}

    def load(self) -> Any:
        """The function. A command that was not typed is not imported: that takes longer than most of them."""
        return getattr(import_module(f"gestalt_cli.commands.{self.module}"), self.function)


COMMANDS: dict[str, Command] = {
    "up": Command("up", "up"),
    "new": Command("new", "new", {"allow_interspersed_args": False}),
    "agent": Command("agent", "agent"),
    "attach": Command("attach", "attach"),
    "send": Command("send", "send"),
    "ls": Command("ls", "ls"),
    "output": Command("output", "output"),
    "rm": Command("rm", "rm"),
    "notify": Command("notify", "notify"),
    "events": Command("events", "events"),
    "plans": Command("plans", "plans"),
    "logs": Command("logs", "logs"),
    "traces": Command("traces", "traces"),
    "usage": Command("usage", "usage"),
    "workers": Command("workers", "workers"),
    "validate-skill": Command("validate", "validate_skill"),
    "completion": Command("completion", "completion"),
}
GROUPS: dict[str, Command] = {"config": Command("validate", "config"), "flow": Command("flow", "flow")}


def app_of(typed: str) -> typer.Typer:
    """The application: with the one command that was typed, or with all where it is none."""
    app = typer.Typer(
        name="gestalt",
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback(invoke_without_command=True)(gestalt)
    for name, command in _needed(COMMANDS, typed).items():
        app.command(name, context_settings=command.settings)(command.load())
    for name, group in _needed(GROUPS, typed).items():
        app.add_typer(group.load(), name=name)
    return app


def _needed(table: dict[str, Command], typed: str) -> dict[str, Command]:
    if typed not in COMMANDS | GROUPS or COMPLETING in os.environ:
        return table
    return {name: command for name, command in table.items() if name == typed}


def gestalt(
    context: typer.Context,
    *,
    version: bool = typer.Option(False, "--version", "-v", help="Print the version."),
) -> None:
    """Terminals that outlive every process around them."""
    if version:
        from gestalt_cli.version import said_by  # noqa: PLC0415 - reads the installation, which takes a while

        typer.echo(said_by("gestalt"))
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command that was typed, or say what could be typed next."""
    if COMPLETING in os.environ:
        from typer._completion_classes import completion_init  # noqa: PLC0415 - it has no public name

        completion_init()
    sys.exit(code_of(sys.argv[1:]))


def code_of(arguments: list[str]) -> int:
    """Run a command; its exit code."""
    try:
        return app_of(next(iter(arguments), ""))(arguments, prog_name="gestalt", standalone_mode=False) or 0
    except CommandFailed as error:
        return complain(str(error), error.exit_code)
    except TyperException as error:
        return complain(f"gestalt: {' '.join(error.format_message().split())}", error.exit_code)
    except Exit as ended:
        return ended.exit_code
    except (Abort, KeyboardInterrupt):
        return INTERRUPTED
    except OSError as error:
        return complain(f"gestalt: {error.strerror or error}", 1)


def complain(line: str, code: int) -> int:
    """Say on stderr what is wrong; the exit code."""
    typer.echo(line, err=True)
    return code


if __name__ == "__main__":
    main()
