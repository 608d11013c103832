"""What a new session is to run: a program, its environment, its place, its size. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from unicodedata import category

from msgspec import Struct

from gestalt_contracts.errors import InvalidRequest

LARGEST_SIZE = 65_535
DEFAULT_COLS = 80
DEFAULT_ROWS = 24
TERM = "xterm-256color"
OURS = ("GESTALT_*", "REDIS_URL", "OTEL_*")
"""Variables of our own processes: never a program's business."""


PAUSES = ("prompt_delay", "inter_prompt_delay", "final_enter_delay", "enter_key_delay", "on_air_timeout")
NOT_INJECTED = {"mode": "none", "payload": None, "pacing": dict.fromkeys(PAUSES, 0)}
"""The `prompt_injection` of a launch into which nothing is typed."""


class Order(Struct, forbid_unknown_fields=True):
    """The body of POST /api/sessions (contract §3)."""

    agent: str | None = None
    title: str | None = None
    role: str | None = None
    runner: str | None = None
    command: str | list[str] | None = None
    cwd: str | None = None
    env: dict[str, str] | None = None
    cols: int | None = None
    rows: int | None = None
    labels: dict[str, str] | None = None


class Program(Struct, frozen=True):
    """What is run: its argument list, and how people read it."""

    argv: list[str]
    command: str


def program(order: Order, shell: str) -> Program:
    """The program of a plain session. Raises InvalidRequest."""
    if order.command is None:
        return Program([shell], shlex.join([shell]))
    if isinstance(order.command, str):
        if not order.command.strip():
            raise InvalidRequest("command is empty")
        return Program([shell, "-c", order.command], order.command)
    if not order.command or not order.command[0]:
        raise InvalidRequest("command is empty")
    return Program(list(order.command), shlex.join(order.command))


def refuse_nul(order: Order) -> None:
    """No argument, variable or path may hold a NUL: the kernel would cut it there. Raises InvalidRequest."""
    words = [*(order.command or []), order.cwd or "", *(order.env or {}), *(order.env or {}).values()]
    if any("\0" in word for word in words):
        raise InvalidRequest("invalid request body")
    if any(not name or "=" in name for name in order.env or {}):
        raise InvalidRequest("invalid environment variable name")


def size(order: Order) -> tuple[int, int]:
    """Columns and rows. Raises InvalidRequest."""
    cols = DEFAULT_COLS if order.cols is None else order.cols
    rows = DEFAULT_ROWS if order.rows is None else order.rows
    check_size(cols, rows)
    return cols, rows


def check_size(cols: int, rows: int) -> None:
    """Raises InvalidRequest for a size that no terminal has."""
    if not 1 <= cols <= LARGEST_SIZE or not 1 <= rows <= LARGEST_SIZE:
        raise InvalidRequest(f"cols and rows must be 1 to {LARGEST_SIZE}")


def directory(order: Order, workspace: Path) -> Path:
    """Where the program starts, relative to the workspace or absolute. Raises InvalidRequest when it is none."""
    try:
        path = (workspace / (order.cwd or "")).resolve(strict=True)
        is_directory = path.is_dir()
    except (OSError, RuntimeError):  # too long a name, a loop of links (Python 3.11), a folder we may not look into
        is_directory = False
    if not is_directory:
        raise InvalidRequest(f"directory {order.cwd!r} does not exist")
    return path


def base_name(title: str | None) -> str:
    """The session's name without its number; a title that sanitises to nothing is no title."""
    return sanitise(title or "") or "Shell"


def sanitise(name: str) -> str:
    """Drop slashes, backslashes and control characters, trim (reference, sessions §3.2)."""
    kept = "".join(character for character in name.strip() if character not in "/\\" and category(character) != "Cc")
    return kept.strip()


def environment(inherited: Mapping[str, str], allowed: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """What a program gets: that of `gestalt up` less our own secrets, then what it is given."""
    patterns = list(allowed)
    passed = {name: value for name, value in inherited.items() if _matches(name, patterns) and not _matches(name, OURS)}
    return passed | {"TERM": TERM, "COLORTERM": "truecolor"} | dict(given)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def launch_of(
    session_id: str, argv: list[str], prompt_files: list[str] | None = None, injection: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The `launch` object of a 201 (reference, sessions §4.3); into a plain session nothing is injected."""
    return {
        "session_id": session_id,
        "argv": argv,
        "interface": "cli",
        "prompt_files": prompt_files or None,
        "prompt_injection": injection or NOT_INJECTED,
    }
