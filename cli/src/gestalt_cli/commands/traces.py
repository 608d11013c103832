"""`gestalt traces`: which requests there were, and what each was made of."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from gestalt_cli.api import call, segment
from gestalt_cli.commands.where import AsJson, Host, Port, Token, server, show_json
from gestalt_cli.table import table
from gestalt_cli.telemetry import TRACES, path_of, since, tree
from gestalt_cli.telemetry import traces as rows

SPANS = 200
MOST_SPANS = 1000


def traces(  # noqa: PLR0913 - one argument for each flag
    trace_id: Annotated[str, typer.Argument(metavar="[TRACE_ID]", help="Show this one, as a tree.")] = "",
    *,
    name: Annotated[str, typer.Option(help="Only spans of this name.")] = "",
    session: Annotated[str, typer.Option(help="Only of this session: its id or uid.")] = "",
    query: Annotated[str, typer.Option("--query", "-q", help="Only with this text in them.")] = "",
    back: Annotated[str, typer.Option("--since", help="15m, 2h, 7d, or a moment.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=MOST_SPANS, help="Look at the last so many spans.")] = SPANS,
    as_json: AsJson = False,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """List the traces of the last spans, or print one trace as a tree."""
    at = server(host, port, token)
    if trace_id:
        found = call(at, "GET", f"/api/otel/traces/{segment(trace_id)}")
    else:
        asked = {"span_name": name, "session_id": session, "query": query, "limit": limit}
        found = call(at, "GET", path_of("/api/otel/traces", **asked, since=since(back, datetime.now(UTC))))
    if as_json:
        show_json(found)
    elif found:
        typer.echo("\n".join(tree(found["spans"]) if trace_id else table(TRACES, rows(found))))
