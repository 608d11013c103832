"""`gestalt attach`: a session in this terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

import typer

from gestalt_cli.api import Server
from gestalt_cli.attach.keys import DEFAULT, BadKeys, parse
from gestalt_cli.commands.where import DetachKeys, Host, Port, Session, Token, server
from gestalt_cli.errors import CommandFailed
from gestalt_cli.sessions import find


def attach(
    ref: Session,
    *,
    readonly: Annotated[bool, typer.Option("--readonly", "-r", help="Only look: nothing is typed or resized.")] = False,
    detach_keys: DetachKeys = DEFAULT,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    r"""Show a session here and type into it, until it ends or Ctrl-\ leaves it running.

    The exit code is the session's, 128+n after signal n, 0 after leaving. A lost server is waited for, whatever it
    takes, and nothing is missed meanwhile.
    """
    parsed(detach_keys)
    where = server(host, port, token)
    follow(where, find(where, ref), detach_keys, readonly=readonly)


def follow(where: Server, session: Mapping[str, Any], detach_keys: str, *, readonly: bool = False) -> NoReturn:
    """Attach to a session that was found or made; ends the command with the session's exit code."""
    from gestalt_cli.attach.client import Wanted  # noqa: PLC0415 - asyncio and WebSockets, which no other command needs
    from gestalt_cli.attach.client import attach as run  # noqa: PLC0415

    raise typer.Exit(run(where, session, Wanted(parsed(detach_keys), readonly=readonly)))


def parsed(detach_keys: str) -> tuple[str, ...]:
    """The keys that detach. Raises CommandFailed."""
    try:
        return parse(detach_keys)
    except BadKeys as error:
        raise CommandFailed(f"gestalt: {error}", exit_code=2) from None
