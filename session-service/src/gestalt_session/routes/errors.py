"""What this service's own exceptions, and paths that it does not know, are to a client."""

from __future__ import annotations

from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.errors import GestaltError, InvalidRequest, NotFound, Unavailable
from gestalt_serving.errors import Handler, answering

SESSIONS = "/api/sessions/"

HANDLERS: dict[type[Exception], Handler] = {
    DirectoryUnavailable: answering(lambda: Unavailable("this cannot be done while Redis is away")),
}


def unknown(path: str) -> GestaltError:
    """A path that is none of ours (reference, sessions §2.5)."""
    if path == SESSIONS:
        return InvalidRequest("missing terminal id")
    return NotFound("terminal not found" if path.startswith(SESSIONS) else "not found")
