"""`gestalt output`: what a session printed."""

from __future__ import annotations

from typing import Annotated

import typer

from gestalt_cli.commands.where import AsJson, Host, Port, Session, Token, server, show_json
from gestalt_cli.sessions import act


def output(
    ref: Session,
    *,
    ansi: Annotated[bool, typer.Option("--ansi", help="With the program's colours and other sequences.")] = False,
    as_json: AsJson = False,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """Print the last lines of a session, as text."""
    form = "raw" if ansi else "text"
    found = act(server(host, port, token), "GET", ref, f"/output?format={form}")
    if as_json:
        show_json(found)
    else:
        typer.echo("".join(f"{line}\n" for line in found["lines"]), nl=False, color=True)
