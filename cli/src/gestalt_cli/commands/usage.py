"""`gestalt usage`: tokens and cost of each session."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from gestalt_cli.api import call
from gestalt_cli.commands.where import AsJson, Host, Port, Token, server, show_json
from gestalt_cli.table import table
from gestalt_cli.telemetry import USAGE, path_of, since
from gestalt_cli.telemetry import usage as rows


def usage(
    *,
    back: Annotated[str, typer.Option("--since", help="15m, 2h, 7d, or a moment.")] = "",
    session: Annotated[str, typer.Option(help="Only of this session: its id or uid.")] = "",
    as_json: AsJson = False,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """List what agents said they used; what none of them told stays empty."""
    asked = {"since": since(back, datetime.now(UTC)), "session_id": session}
    found = call(server(host, port, token), "GET", path_of("/api/otel/usage", **asked))
    if as_json:
        show_json(found)
    elif found["sessions"]:
        typer.echo("\n".join(table(USAGE, rows(found["sessions"]))))
