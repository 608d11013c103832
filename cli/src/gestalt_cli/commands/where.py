"""The flags that all client commands share: which server, and which token."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gestalt_cli.api import Server, locate

Host = Annotated[str | None, typer.Option(help="Host of the server, else GESTALT_URL or GESTALT_HOST.")]
Port = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port of the server, else GESTALT_URL or GESTALT_PORT.")
]
Token = Annotated[str, typer.Option(envvar="GESTALT_TOKEN", help="What the server demands.")]


def server(host: str | None, port: int | None, token: str) -> Server:
    """The server that the flags and variables name."""
    return Server(locate(host, port, dict(os.environ)), token)
