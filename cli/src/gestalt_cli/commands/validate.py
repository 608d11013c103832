"""`gestalt config validate`, `gestalt validate-skill`: what the session service would say about these files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

CHECK = "gestalt_session.agents.check"
"""The session service's own check, in a process of its own: services are not imported here."""

config = typer.Typer(help="The workspace's configuration.", no_args_is_help=True)


@config.command("validate")
def validate(
    *,
    agents_dir: Annotated[
        Path, typer.Option(help="Where the profiles lie.", show_default=".gestalt/config/agents")
    ] = Path(".gestalt/config/agents"),
) -> None:
    """Check the agents' profiles: OK or ERROR for each, the exit code 1 if any is wrong."""
    _check("--agents-dir", str(agents_dir))


def validate_skill(
    path: Annotated[Path, typer.Argument(help="A skill's folder, or its SKILL.md.")],
) -> None:
    """Check a skill."""
    _check("--skill", str(path))


def _check(flag: str, path: str) -> NoReturn:
    raise typer.Exit(subprocess.run([sys.executable, "-P", "-m", CHECK, flag, path], check=False).returncode)
