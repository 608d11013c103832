"""`gestalt send`: type what comes on stdin into a session."""

from __future__ import annotations

import uuid
from typing import Annotated

import typer

from gestalt_cli.agents import is_agent
from gestalt_cli.api import Server
from gestalt_cli.api import send as request
from gestalt_cli.commands.where import Host, Port, Session, Token, server
from gestalt_cli.errors import CommandFailed
from gestalt_cli.sessions import Summary, find, path_of
from gestalt_cli.stdin import typed
from gestalt_cli.turns import wait_for_quiet, wait_for_turn
from gestalt_contracts.durations import seconds


def send(
    ref: Session,
    *,
    enter: Annotated[bool, typer.Option("--enter", "-e", help="Press Enter after it.")] = False,
    paste: Annotated[bool, typer.Option("--paste", help="As a paste, if the program knows pastes.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", "-w", help="Return when an agent's turn is complete, else after 1 s of quiet.")
    ] = False,
    timeout: Annotated[str, typer.Option(help="How long --wait waits: 30s, 10m, 1h; then the exit code is 3.")] = "10m",
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """Type stdin into a session, as it is."""
    limit = duration(timeout)
    where = server(host, port, token)
    session = find(where, ref)
    data = typed()

    def act() -> None:
        type_into(where, session, data, enter=enter, paste=paste)

    if not wait:
        act()
    elif is_agent(where, session):
        wait_for_turn(where, session, act, limit)
    else:
        wait_for_quiet(where, session, act, limit)


def duration(text: str) -> float:
    """Seconds in a duration. Raises CommandFailed."""
    try:
        return seconds(text)
    except ValueError as error:
        raise CommandFailed(f"gestalt send: {error}", exit_code=2) from None


def type_into(where: Server, session: Summary, data: bytes, *, enter: bool = False, paste: bool = False) -> None:
    """POST input. Raises Unreachable or Refused."""
    flags = "&".join([*(["enter=1"] if enter else []), *(["paste=1"] if paste else [])])
    headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": str(uuid.uuid4())}
    request(where, "POST", path_of(session, "/input") + (f"?{flags}" if flags else ""), data, headers)
