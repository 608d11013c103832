"""`gestalt events`: what happens, as it happens."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import quote

import typer

from gestalt_cli.commands.where import Host, Port, Token, server
from gestalt_cli.feed import Event, Feed
from gestalt_cli.table import cell

APART = frozenset({"type", "timestamp", "id"})


def events(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    types: Annotated[str, typer.Option(help="Only these, separated by commas: terminal_closed,file-change")] = "",
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """Print events as they come, until Ctrl-C. A lost server is waited for, and what came meanwhile is printed."""
    feed = Feed(server(host, port, token), f"/api/events/stream{f'?types={quote(types)}' if types else ''}")
    feed.open()
    for event in feed.events():
        print(json.dumps(event, ensure_ascii=False) if as_json else line(event), flush=True)  # noqa: T201 - flushed


def line(event: Event) -> str:
    """An event for people: when, what, and the rest as key=value."""
    rest = {key: value for key, value in event.items() if key not in APART and value not in (None, "", {})}
    said = " ".join(f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in rest.items())
    return cell(f"{event.get('timestamp', '')} {event.get('type', '')} {said}")
