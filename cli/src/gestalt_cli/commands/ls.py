"""`gestalt ls`: which sessions there are."""

from __future__ import annotations

from typing import Annotated

import typer

from gestalt_cli.api import call
from gestalt_cli.commands.where import AsJson, Host, Port, Token, server, show_json
from gestalt_cli.table import table

COLUMNS = ("id", "status", "exit_code", "command", "cwd", "uid")


def ls(
    *,
    as_json: AsJson = False,
    only_ids: Annotated[bool, typer.Option("--quiet", "-q", help="Only the ids, one a line.")] = False,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """List the sessions, oldest first."""
    sessions = call(server(host, port, token), "GET", "/api/sessions")
    if as_json:
        show_json(sessions)
    elif only_ids:
        typer.echo("".join(f"{session['id']}\n" for session in sessions), nl=False)
    elif sessions:
        typer.echo("\n".join(table(COLUMNS, sessions)))
