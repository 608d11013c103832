"""`gestalt up`: the whole system on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from gestalt_cli.api import DEFAULT_HOST, DEFAULT_PORT
from gestalt_cli.errors import CommandFailed
from gestalt_cli.stack.options import Options
from gestalt_cli.stack.up import up as run

YES = frozenset({"1", "true", "yes", "on"})
MOST_WORKERS = 64
"""A worker serves many sessions; more processes than cores only cost memory."""


def up(
    *,
    host: Annotated[str, typer.Option(envvar="GESTALT_HOST", help="Address to listen on.")] = DEFAULT_HOST,
    port: Annotated[
        int, typer.Option(envvar="GESTALT_PORT", min=0, max=65535, help="Port to listen on; 0: any free one.")
    ] = DEFAULT_PORT,
    workers: Annotated[
        int, typer.Option(envvar="GESTALT_WORKERS", min=1, max=MOST_WORKERS, help="Session workers to run.")
    ] = 1,
    token: Annotated[
        str | None, typer.Option(envvar="GESTALT_TOKEN", help="What clients must present; empty: nothing.")
    ] = None,
    workspace: Annotated[
        Path, typer.Option(envvar="GESTALT_WORKSPACE", help="The directory that sessions work in.", show_default="here")
    ] = Path(),
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="GESTALT_DATA_DIR", help="Where all state lies.", show_default="<workspace>/.gestalt"),
    ] = None,
    kill_sessions: Annotated[
        bool, typer.Option("--kill-sessions", envvar="GESTALT_KILL_SESSIONS", help="End all sessions when stopping.")
    ] = False,
) -> None:
    """Run Gestalt here until Ctrl-C. Terminals outlive it, and the next start finds them again.

    REDIS_URL names a Redis to use; without it one is started beside the workspace.
    """
    workspace = existing(workspace)
    environment = dict(os.environ)
    options = Options(
        host=host,
        port=port,
        workers=workers,
        workspace=workspace,
        data=(data_dir or workspace / ".gestalt").absolute(),
        token=token_of(token, environment.get("GESTALT_TOKEN_FILE")),
        redis_url=environment.get("REDIS_URL") or None,
        namespace=environment.get("GESTALT_NAMESPACE") or "gestalt",
        kill_sessions=kill_sessions,
        insecure=environment.get("GESTALT_INSECURE", "").lower() in YES,
        environment=environment,
    )
    raise typer.Exit(asyncio.run(run(options)))


def existing(workspace: Path) -> Path:
    """The workspace as an absolute path. Raises CommandFailed if it is no directory."""
    resolved = workspace.expanduser().resolve()
    if not resolved.is_dir():
        raise CommandFailed(f"gestalt up: no directory {resolved}")
    return resolved


def token_of(given: str | None, file: str | None) -> str:
    """The token: the flag or variable, else what the file named by GESTALT_TOKEN_FILE holds, else none."""
    if given is not None or not file:
        return given or ""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CommandFailed(f"gestalt up: GESTALT_TOKEN_FILE {file}: {error.strerror}") from error
