"""`gestalt flow …`: what fires on what, what has run and why, and trying it without doing anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from gestalt_cli import flows, stdin
from gestalt_cli.api import Refused, Server, call, segment
from gestalt_cli.api import send as request
from gestalt_cli.commands.where import AsJson, Host, Port, Token, server, show_json
from gestalt_cli.errors import CommandFailed
from gestalt_cli.table import table

CONFIG = "/api/flow/config"
YAML = {"Content-Type": "application/yaml"}
JSON = {"Content-Type": "application/json"}
STDIN = Path("-")
NO_BODY = "invalid request body"

File = Annotated[Path, typer.Argument(help="A YAML bundle, or the JSON of the API; '-': stdin.")]

flow = typer.Typer(help="Flows: what happens when something happens.", no_args_is_help=True)


@flow.command("list")
def list_flows(*, as_json: AsJson = False, host: Host = None, port: Port = None, token: Token = "") -> None:
    """List the flows in their order; files that are set aside are told on stderr."""
    found = call(server(host, port, token), "GET", CONFIG)
    if as_json:
        show_json(found)
    elif found["triggers"]:
        typer.echo("\n".join(table(flows.COLUMNS, map(flows.line, flows.of_config(found)))))
    complain(found["errors"])


@flow.command("validate")
def validate(file: File, *, host: Host = None, port: Port = None, token: Token = "") -> None:
    """Check a bundle without saving it: an ERROR line for each problem, the exit code 1 if there is any."""
    data = content(file)
    answer = request(server(host, port, token), "POST", f"{CONFIG}/validate", data, kind(data))
    problems = json.loads(answer)["errors"]
    complain(problems)
    raise typer.Exit(1 if problems else 0)


@flow.command("import")
def import_(file: File, *, host: Host = None, port: Port = None, token: Token = "") -> None:
    """Replace all flows by those of a bundle, or change nothing if anything is wrong with it."""
    data = content(file)
    method, path = ("PUT", CONFIG) if kind(data) is JSON else ("POST", f"{CONFIG}/import")
    with complaining():
        request(server(host, port, token), method, path, data, kind(data))


@flow.command("export")
def export(*, host: Host = None, port: Port = None, token: Token = "") -> None:
    """Print all flows as a YAML bundle."""
    sys.stdout.buffer.write(request(server(host, port, token), "GET", f"{CONFIG}/export"))


@flow.command("test")
def try_out(
    event: Annotated[
        list[str] | None, typer.Argument(metavar="[TYPE] [FIELD=VALUE]…", help="An event: its type, then its fields.")
    ] = None,
    *,
    event_id: Annotated[str, typer.Option(help="Instead: an event that happened, as runs name it.")] = "",
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Flows to try instead of the saved ones.")] = None,
    as_json: AsJson = False,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """Say what an event would lead to, flow by flow, and why. Nothing is done."""
    body: dict[str, Any] = {"event_id": event_id} if event_id else {"event": flows.event(event or ())}
    if file is not None:
        data = content(file)
        body["config"] = json.loads(data) if kind(data) is JSON else data.decode("utf-8", "replace")
    with complaining():
        answer = call(server(host, port, token), "POST", "/api/flow/test", body)
    if as_json:
        show_json(answer)
    else:
        typer.echo("\n".join(flows.trial(answer["triggers"])))


@flow.command("runs")
def runs(  # noqa: PLR0913 - a flag each
    run_id: Annotated[str, typer.Argument(metavar="[ID]", help="One run, whole.")] = "",
    *,
    status: Annotated[str, typer.Option(help="queued, running, succeeded or failed.")] = "",
    trigger: Annotated[str, typer.Option("--flow", help="Only those of this flow.")] = "",
    event_type: Annotated[str, typer.Option("--type", help="Only those of events of this type.")] = "",
    event_id: Annotated[str, typer.Option(help="Only those of this event.")] = "",
    session: Annotated[str, typer.Option(help="Only those of events of this session.")] = "",
    unmatched: Annotated[
        bool, typer.Option("--unmatched", "-u", help="What did not run, and why not, instead.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
    host: Host = None,
    port: Port = None,
    token: Token = "",
) -> None:
    """List what has run, or say everything about one run."""
    where = server(host, port, token)
    if run_id:
        show_run(where, run_id, as_json=as_json)
        return
    asked = {"status": status, "trigger_id": trigger, "event_type": event_type, "event_id": event_id}
    asked |= {"session_id": session, "limit": str(limit), "matched": "false" if unmatched else ""}
    query = urlencode({name: value for name, value in asked.items() if value})
    found = call(where, "GET", f"/api/flow/runs?{query}")["runs"]
    if as_json:
        show_json(found)
    elif found:
        typer.echo("\n".join(table(flows.MISSED if unmatched else flows.RUNS, map(flows.run_line, found))))


def show_run(where: Server, run_id: str, *, as_json: bool) -> None:
    """One run: its event, why it fired or not, and how each attempt went."""
    found = call(where, "GET", f"/api/flow/runs/{segment(run_id)}")
    if as_json:
        show_json(found)
    else:
        typer.echo("\n".join(flows.run(found)))


@contextmanager
def complaining() -> Iterator[None]:
    """Say everything that a refused configuration is refused for, and leave with the exit code 1."""
    try:
        yield
    except Refused as refusal:
        if not refusal.said.get("errors"):
            raise
        complain(refusal.said["errors"])
        raise typer.Exit(1) from None


def complain(problems: list[dict[str, str]]) -> None:
    """A line for each problem; the API's general word for a body that is none is left out where others follow it."""
    for problem in problems[1:] if problems[1:] and problems[0]["message"] == NO_BODY else problems:
        typer.echo(flows.problem(problem), err=True)


def content(file: Path) -> bytes:
    """A file's bytes, or what comes on stdin. Raises CommandFailed."""
    if file == STDIN:
        return stdin.read()
    try:
        with file.open("rb") as opened:
            data = opened.read(stdin.LARGEST + 1)
    except OSError as error:
        raise CommandFailed(f"gestalt flow: cannot read {file}: {error.strerror}") from None
    if len(data) > stdin.LARGEST:
        raise CommandFailed(f"gestalt flow: {file} has more than {stdin.LARGEST} bytes")
    return data


def kind(data: bytes) -> dict[str, str]:
    """How a document is to be read: the API's JSON is an object, a bundle is YAML."""
    return JSON if data.lstrip().startswith(b"{") else YAML
