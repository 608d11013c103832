"""The flags that all client commands share: which server, and which token."""

from __future__ import annotations

import json
import os
import re
from typing import Annotated, Any

import typer

from gestalt_cli.api import Server, locate

Host = Annotated[str | None, typer.Option(help="Host of the server, else GESTALT_URL or GESTALT_HOST.")]
Port = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port of the server, else GESTALT_URL or GESTALT_PORT.")
]
Token = Annotated[str, typer.Option(envvar="GESTALT_TOKEN", help="What the server demands.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, as the API gives it.")]


def server(host: str | None, port: int | None, token: str) -> Server:
    """The server that the flags and variables name."""
    return Server(locate(host, port, os.environ), token.strip())


def show_json(value: Any) -> None:
    """A value as one line of JSON."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def session_ids(incomplete: str) -> list[str]:
    """The ids that begin like what was typed, for the shell's completion; none when nobody can be asked."""
    from gestalt_cli.api import call  # noqa: PLC0415 - only the shell's completion comes here
    from gestalt_cli.errors import CommandFailed  # noqa: PLC0415

    try:
        sessions = call(server(None, None, os.environ.get("GESTALT_TOKEN", "")), "GET", "/api/sessions")
    except CommandFailed:
        return []
    begun = incomplete.replace("\\", "")
    found = [session["id"] for session in sessions if session["id"].startswith(begun)]
    return [re.sub(r"([^\w.-])", r"\\\1", id_) for id_ in found] if is_bash() else found


def is_bash() -> bool:
    """Whether bash asks: it takes what is offered as it is, so spaces have to be quoted."""
    return os.environ.get("_GESTALT_COMPLETE") == "complete_bash"


Session = Annotated[
    str, typer.Argument(metavar="ID", help="Its id, uid or agent; 'name' means 'name 1'.", autocompletion=session_ids)
]
DetachKeys = Annotated[
    str,
    typer.Option(
        "--detach-keys",
        envvar="GESTALT_DETACH_KEYS",
        help="Keys that leave the session: ctrl-<letter>, enter, esc or characters, separated by commas; or none.",
    ),
]
