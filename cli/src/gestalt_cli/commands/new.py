"""`gestalt new`: start a session."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gestalt_cli.agents import explained
from gestalt_cli.api import Refused, Server, call
from gestalt_cli.attach.keys import DEFAULT
from gestalt_cli.commands.attach import follow
from gestalt_cli.commands.where import DetachKeys, Host, Port, Token, server
from gestalt_cli.errors import CommandFailed


def new(
    argv: Annotated[
        list[str] | None, typer.Argument(help="The program and its arguments, after --; else a shell.")
    ] = None,
    *,
    title: Annotated[str, typer.Option(help="What the session's id begins with.")] = "",
    agent: Annotated[str, typer.Option(help="The agent to start, by the id of its profile.")] = "",
    attach: Annotated[bool, typer.Option("--attach", help="Attach to it instead of printing its id.")] = False,
    detach_keys: DetachKeys = DEFAULT,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """Start a session and print its id."""
    if agent and argv:
        raise CommandFailed("gestalt new: either --agent or a program, not both", exit_code=2)
    body: dict[str, Any] = {"title": title, "agent": agent, "command": argv}
    where = server(host, port, token)
    session = _made(where, {key: value for key, value in body.items() if value})
    if attach:
        follow(where, session, detach_keys)
    typer.echo(session["id"])


def _made(where: Server, body: dict[str, Any]) -> dict[str, Any]:
    try:
        made: dict[str, Any] = call(where, "POST", "/api/sessions", body)
    except Refused as refusal:
        raise CommandFailed(explained(where, body.get("agent", ""), str(refusal))) from None
    return made
