"""`gestalt agent`: an agent in this terminal, started if it does not run yet."""

from __future__ import annotations

from typing import Annotated

import typer

from gestalt_cli.agents import started
from gestalt_cli.attach.keys import DEFAULT
from gestalt_cli.commands.attach import follow, parsed
from gestalt_cli.commands.where import DetachKeys, Host, Port, Token, server


def agent(
    agent_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the agent's profile: its file's name.")],
    *,
    detach_keys: DetachKeys = DEFAULT,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    r"""Start an agent and attach to it; attach to it when it runs already. Ctrl-\ leaves it running."""
    parsed(detach_keys)
    where = server(host, port, token)
    follow(where, started(where, agent_id), detach_keys)
