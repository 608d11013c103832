"""`gestalt rm`: end sessions."""

from __future__ import annotations

from typing import Annotated

import typer

from gestalt_cli.commands.where import Host, Port, Token, server, session_ids
from gestalt_cli.sessions import act


def rm(
    refs: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Ids or uids; 'name' means 'name 1'.", autocompletion=session_ids),
    ],
    *,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """End sessions and their programs, and take them off the list."""
    where = server(host, port, token)
    for ref in refs:
        act(where, "DELETE", ref)
