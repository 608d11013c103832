"""The `gestalt` command. Errors are one line on stderr; the exit code is 2 for a command that was not understood."""

from __future__ import annotations

import sys

import typer
from typer import Abort, Exit, TyperException

from gestalt_cli.commands.ls import ls
from gestalt_cli.commands.new import new
from gestalt_cli.commands.up import up
from gestalt_cli.errors import CommandFailed

INTERRUPTED = 130
"""As shells count it: 128 and SIGINT."""

app = typer.Typer(
    name="gestalt",
    help="Terminals that outlive every process around them.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(up)
app.command()(ls)
app.command(context_settings={"allow_interspersed_args": False})(new)


@app.callback(invoke_without_command=True)
def gestalt(context: typer.Context) -> None:
    """Terminals that outlive every process around them."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main() -> None:
    """Run the command that was typed."""
    sys.exit(code_of(sys.argv[1:]))


def code_of(arguments: list[str]) -> int:
    """Run a command; its exit code."""
    try:
        return app(arguments, prog_name="gestalt", standalone_mode=False) or 0
    except CommandFailed as error:
        return complain(str(error), error.exit_code)
    except TyperException as error:
        return complain(f"gestalt: {' '.join(error.format_message().split())}", error.exit_code)
    except Exit as ended:
        return ended.exit_code
    except (Abort, KeyboardInterrupt):
        return INTERRUPTED


def complain(line: str, code: int) -> int:
    """Say on stderr what is wrong; the exit code."""
    typer.echo(line, err=True)
    return code


if __name__ == "__main__":
    main()
