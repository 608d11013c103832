"""`gestalt plans`: the workspace's plans, and how far they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import typer

from gestalt_cli.api import call
from gestalt_cli.commands.where import AsJson, Host, Port, Token, server, show_json
from gestalt_cli.table import table

COLUMNS = ("filename", "title", "date", "done", "wip", "a", "b", "c", "error")


def plans(*, as_json: AsJson = False, host: Host = None, port: Port = None, token: Token = "") -> None:
    """List the plans: done and in work of their second-level headings, and how many have which priority."""
    answer = call(server(host, port, token), "GET", "/api/plans")
    if as_json:
        show_json(answer)
    elif answer["plans"]:
        typer.echo("\n".join(table(COLUMNS, map(line, answer["plans"]))))


def line(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What of a plan fits on a line."""
    steps = list(keywords(plan))
    return {
        **plan,
        "done": f"{steps.count('DONE')}/{len(steps)}",
        "wip": steps.count("WIP") or "",
        **{letter: plan.get(f"priority_{letter}") or "" for letter in "abc"},
    }


def keywords(plan: Mapping[str, Any]) -> Iterator[str]:
    """The keyword of each step: a second-level heading, or a first-level one that has none."""
    for heading in plan.get("headings") or ():
        for step in heading.get("children") or (heading,):
            yield str(step.get("keyword", ""))
