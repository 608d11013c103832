"""Starting an agent, or finding the session in which it runs already."""

from __future__ import annotations

from typing import Any

from gestalt_cli.api import Refused, Server, call
from gestalt_cli.errors import CommandFailed
from gestalt_cli.sessions import Summary, find

CONFLICT = 409


def started(server: Server, agent: str) -> dict[str, Any]:
    """The session of an agent, by its profile's id: a new one, or the one that runs. Raises CommandFailed."""
    try:
        created: dict[str, Any] = call(server, "POST", "/api/sessions", {"agent": agent})
    except Refused as refusal:
        running = str(refusal.said.get("session_id") or "")
        if refusal.status == CONFLICT and running and (found := find(server, running)).get("agent_id", agent) == agent:
            return found
        raise CommandFailed(explained(server, agent, str(refusal))) from None
    return created


def explained(server: Server, agent: str, refusal: str) -> str:
    """A refusal with what to try."""
    if refusal == "unknown agent":
        return f"no agent {agent!r} at {server.url}: its profile would be .gestalt/config/agents/{agent}.toml"
    return refusal


def session_id_of(server: Server, agent: str) -> str:
    """The id of the session that the agent has, or would get. Raises CommandFailed for an unknown agent."""
    for profile in call(server, "GET", "/api/agents"):
        if profile["id"] == agent:
            return profile.get("session_id") or f"{profile['name']} 1"
    raise CommandFailed(explained(server, agent, "unknown agent"))


def is_agent(server: Server, session: Summary) -> bool:
    """Whether a session is an agent's: it says so, or its id is a profile's name and a number."""
    if session.get("agent_id"):
        return True
    name = str(session["id"]).rpartition(" ")[0]
    try:
        profiles = call(server, "GET", "/api/agents")
    except Refused:
        return False
    return any(session["id"] == profile.get("session_id") or name == profile["name"] for profile in profiles)
