"""The viewer's WebSocket as the client sees it: its address, its words, how it ends. Pure."""

from __future__ import annotations

import json
import logging
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from gestalt_cli.api import UNAUTHORIZED, Server, is_here, segment, wants_token
from gestalt_cli.errors import CommandFailed

CLOSED, REFUSED, NOT_FOUND = 1000, 1008, 4404
FINAL = frozenset({CLOSED, REFUSED, NOT_FOUND})
"""Close codes after which connecting again makes no sense."""
UNKNOWN_EXIT = 255
OPEN_SECONDS = 5.0
CLOSE_SECONDS = 0.5
LARGEST_FRAME = 4 * 1024 * 1024
"""Far above what the server puts into one."""
FRAMES_AHEAD = 4
"""Frames that are read before they are wanted; then the connection is left to fill."""
SERVER_ERROR = 500

_silent = logging.getLogger("gestalt.attach")
_silent.addHandler(logging.NullHandler())
_silent.propagate = False
"""The library's words about lost connections are not for the screen that we draw on."""


class Place(Struct, frozen=True):
    """Where the output is to begin: at a byte, with the screen as it is, or so many bytes before the end.

    At none of them: with what comes from now on.
    """

    cursor: int | None = None
    tail: int | None = None
    snapshot: bool = False


def address(server: Server, uid: str, place: Place, *, readonly: bool) -> str:
    """The URL of a viewer of a session."""
    begin = {"cursor": place.cursor, "tail": place.tail, "snapshot": 1 if place.snapshot else None}
    asked = {**begin, "control": 1, "readonly": 1 if readonly else None}
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return f"ws{server.url.removeprefix('http')}/ws/session/{segment(uid)}?{query}"


def dialling(server: Server) -> dict[str, Any]:
    """How to connect, for the library's clients."""
    return {
        "additional_headers": server.headers,
        "compression": None,
        "max_size": LARGEST_FRAME,
        "max_queue": FRAMES_AHEAD,
        "open_timeout": OPEN_SECONDS,
        "close_timeout": CLOSE_SECONDS,
        "proxy": None if is_here(server.url) else True,
        "logger": _silent,
    }


def word(frame: str) -> dict[str, Any]:
    """A control frame; an unknown or strange one has no type."""
    try:
        said = json.loads(frame)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def refusal(server: Server, status: int) -> CommandFailed | None:
    """The end, when the handshake's refusal is one; None when it is worth another try."""
    if status == UNAUTHORIZED:
        return CommandFailed(wants_token(server))
    return CommandFailed(f"{server.url} refuses to attach: HTTP {status}") if status < SERVER_ERROR else None


def ending(session: str, code: int, reason: str, exited: Any) -> int:
    """The exit code that goes with a final close code: the program's own, or 128 and its signal. Raises CommandFailed.

    `exited`: what the session's `exit` said; None when it said nothing or did not know.
    """
    if code == NOT_FOUND:
        raise CommandFailed(f"session {session!r} is gone: it was deleted (gestalt ls shows which there are)")
    if code == REFUSED:
        raise CommandFailed(f"the server ended the connection: {reason or 'refused'}")
    if not isinstance(exited, int):
        raise CommandFailed(f"session {session!r} has ended, nobody knows how", exit_code=UNKNOWN_EXIT)
    return exited if exited >= 0 else 128 - exited
