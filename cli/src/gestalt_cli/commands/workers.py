"""`gestalt workers`: who serves the sessions."""

from __future__ import annotations

import typer

from gestalt_cli.api import call
from gestalt_cli.commands.where import AsJson, Host, Port, Token, server, show_json
from gestalt_cli.table import table

COLUMNS = ("id", "state", "sessions", "capacity", "pid", "host", "version", "started_at", "seen_at")


def workers(*, as_json: AsJson = False, host: Host = None, port: Port = None, token: Token = "") -> None:
    """List the session workers."""
    found = call(server(host, port, token), "GET", "/api/workers")
    if as_json:
        show_json(found)
    elif found:
        typer.echo("\n".join(table(COLUMNS, found)))
