"""Our command line for programs in sessions: prompts and skills name its commands, and no PATH need lead there.

A folder of links, not the one where they are installed: that one has a Python and a pip of ours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import structlog

COMMANDS = ("gestalt", "gestalt-agent", "gestalt-notify", "gestalt-send")

log = structlog.get_logger()


def offered(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """`environment` with links to our commands, in `folder`, behind all else in its PATH. Blocking.

    As it is where none is installed beside us, or a PATH cannot name the folder.
    """
    try:
        there = _linked(folder)
    except OSError as error:
        log.warning("programs will not find our commands", folder=str(folder), error=str(error))
        there = False
    if not there or os.pathsep in str(folder):
        return dict(environment)
    path = environment.get("PATH") or os.defpath
    return {**environment, "PATH": f"{path}{os.pathsep}{folder}"}


def _linked(folder: Path) -> bool:
    """Whether there is a command. Links of an installation that was moved or replaced are made anew."""
    installed = [beside for name in COMMANDS if (beside := Path(sys.executable).with_name(name)).exists()]
    if installed:
        folder.mkdir(exist_ok=True)
    for command in installed:
        link = folder / command.name
        if not (link.is_symlink() and link.readlink() == command):
            link.unlink(missing_ok=True)
            link.symlink_to(command)
    return bool(installed)
