"""`gestalt new`: start a session."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gestalt_cli.api import call
from gestalt_cli.commands.where import Host, Port, Token, server


def new(
    argv: Annotated[
        list[str] | None, typer.Argument(help="The program and its arguments, after --; else a shell.")
    ] = None,
    *,
    title: Annotated[str, typer.Option(help="What the session's id begins with.")] = "",
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """Start a session and print its id."""
    body: dict[str, Any] = {}
    if title:
        body["title"] = title
    if argv:
        body["command"] = argv
    typer.echo(call(server(host, port, token), "POST", "/api/sessions", body)["id"])
