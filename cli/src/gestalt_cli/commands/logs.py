"""`gestalt logs`: what services and programs said."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from gestalt_cli.api import Server, call
from gestalt_cli.commands.where import Host, Port, Token, server
from gestalt_cli.feed import Feed
from gestalt_cli.telemetry import log_line, path_of, since

LINES = 100
MOST_LINES = 1000


def logs(  # noqa: PLR0913 - one argument for each flag
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    level: Annotated[str, typer.Option(help="The least: debug, info, warning, error.")] = "",
    session: Annotated[str, typer.Option(help="Only of this session: its id or uid.")] = "",
    query: Annotated[str, typer.Option("--query", "-q", help="Only with this text in them.")] = "",
    back: Annotated[str, typer.Option("--since", help="15m, 2h, 7d, or a moment.")] = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=MOST_LINES, help="The last so many.")] = LINES,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """Print the last log records, oldest first. With -f a lost server is waited for, and nothing is missed."""
    at = server(host, port, token)
    wanted = {"level": level, "session_id": session, "query": query}
    asked = {**wanted, "since": since(back, datetime.now(UTC)), "limit": lines}
    found = call(at, "GET", path_of("/api/otel/logs", **asked))
    for record in found:
        show(record, as_json=as_json)
    if follow:
        _follow(at, found[-1]["id"] if found else "", wanted, as_json=as_json)


def _follow(at: Server, after: str, wanted: Mapping[str, str], *, as_json: bool) -> None:
    feed = Feed(at, path_of("/api/logs/stream", **wanted), after)
    feed.open()
    for record in feed.events():
        if record.get("type") == "reset":
            print(f"records are missing here: {record.get('reason')}", file=sys.stderr, flush=True)  # noqa: T201
        else:
            show(record, as_json=as_json)


def show(record: dict[str, Any], *, as_json: bool) -> None:
    """Print one, at once: somebody may read it through a pipe."""
    print(json.dumps(record, ensure_ascii=False) if as_json else log_line(record), flush=True)  # noqa: T201
