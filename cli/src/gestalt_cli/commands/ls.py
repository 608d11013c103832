"""`gestalt ls`: which sessions there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from gestalt_cli.api import call
from gestalt_cli.commands.where import Host, Port, Token, server

COLUMNS = ("id", "status", "exit_code", "command", "cwd", "uid")


def ls(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, as the API gives it.")] = False,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """List the sessions, oldest first."""
    sessions = call(server(host, port, token), "GET", "/api/sessions")
    if as_json:
        typer.echo(json.dumps(sessions, ensure_ascii=False))
    elif sessions:
        typer.echo("\n".join(table(sessions)))


def table(sessions: list[dict[str, Any]]) -> Iterator[str]:
    """The sessions, one a line, under a line of headings."""
    rows = [[column.replace("_", " ").upper() for column in COLUMNS]]
    rows += [[cell(session.get(column)) for column in COLUMNS] for session in sessions]
    widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
    for row in rows:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def cell(value: object) -> str:
    """A field on one line."""
    return "" if value is None else " ".join(str(value).split())
