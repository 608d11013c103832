"""Which session is meant: an id, a uid, or a name whose number was left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from gestalt_cli.api import NOT_FOUND, Refused, Server, call, segment
from gestalt_cli.errors import CommandFailed

Summary = Mapping[str, Any]


def resolve(ref: str, sessions: Iterable[Summary]) -> str:
    """The id that `ref` means among `sessions`, by the reference's rule; uids, and ids of agents' profiles, too.

    An id that is there is taken as it is, and so is one that ends in a number; any other name means its number 1.
    """
    ref, listed = ref.strip(), list(sessions)
    known = {str(session.get(key, "")) for session in listed for key in ("id", "uid")}
    if ref in known or is_numbered(ref):
        return ref
    first = f"{ref} 1"
    of_agent = (str(session["id"]) for session in listed if session.get("agent_id") == ref)
    return first if first in known else next(of_agent, first)


def is_numbered(ref: str) -> bool:
    """Whether it has two words or more, the last of digits."""
    words = ref.split()
    return len(words) > 1 and words[-1].isdecimal()


def is_uid(ref: str) -> bool:
    """Whether it has the form of a uid, which no id has."""
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", ref) is not None


def find(server: Server, ref: str) -> dict[str, Any]:
    """The summary of the session that `ref` means. Raises CommandFailed that says how to see which there are."""
    sessions: list[dict[str, Any]] = call(server, "GET", "/api/sessions")
    wanted = resolve(ref, sessions)
    found = [session for session in sessions if wanted in {session.get("uid"), session.get("id")}]
    if not found:
        raise no_session(server, ref)
    return found[0]


def uid_of(session: Summary) -> str:
    """What names a session for ever, and never another."""
    return str(session.get("uid") or session["id"])


def act(server: Server, method: str, ref: str, action: str = "", body: Any = None) -> Any:
    """One call about the session that `ref` means; the answer. Raises CommandFailed."""
    return on(server, method, find(server, ref), action, body)


def on(server: Server, method: str, session: Summary, action: str = "", body: Any = None) -> Any:
    """One call about a session that was found. Raises CommandFailed, also when it is gone meanwhile."""
    try:
        return call(server, method, path_of(session, action), body)
    except Refused as refusal:
        raise (no_session(server, session["id"]) if refusal.status == NOT_FOUND else refusal) from None


def path_of(session: Summary, action: str = "") -> str:
    """The path of a session, or of something about it."""
    return f"/api/sessions/{segment(uid_of(session))}{action}"


def no_session(server: Server, ref: str) -> CommandFailed:
    """There is none of that name."""
    return CommandFailed(f"no session {ref!r} at {server.url} (gestalt ls shows which there are)")
