"""`gestalt completion`: what a shell needs to complete commands, flags and session ids."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """The shells there is completion for."""

    bash = "bash"
    zsh = "zsh"


def completion(
    shell: Annotated[Shell, typer.Argument(help='Use it as: eval "$(gestalt completion bash)"')],
) -> None:
    """Print the completion script for a shell."""
    from typer._completion_shared import get_completion_script  # noqa: PLC0415 - it has no public name

    typer.echo(get_completion_script(prog_name="gestalt", complete_var="_GESTALT_COMPLETE", shell=shell.value))
