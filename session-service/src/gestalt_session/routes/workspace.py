"""Status and the log of commits."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response

from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_contracts.errors import Unavailable
from gestalt_session.routes import parameters
from gestalt_session.routes.state import Resources, State, reply
from gestalt_session.terminal.clock import moment
from gestalt_session.version import built_version
from gestalt_session.workspace import gitlog
from gestalt_session.workspace.git import GitFailed, GitTimedOut, origin_and_branch

router = APIRouter()
DEFAULT_COMMITS, MOST_COMMITS = 20, 50


@router.get("/api/status")
async def status(state: Resources) -> Response:
    """What runs here (reference, telemetry §2)."""
    settings = state["settings"]
    origin, branch = await origin_and_branch(settings.workspace)
    sessions = await state["overview"].sessions()
    return reply(
        {
            "session_count": len(sessions),
            "server_time": moment(time.time()),
            "session_persist": True,
            "session_scrollback_lines": settings.session_scrollback_lines,
            "session_font_family": "",
            "session_font_size": "0.95rem",
            "session_input_font_family": "",
            "session_input_font_size": "0.95rem",
            **state["hub"].facts(sessions),
            "working_dir": str(settings.workspace.resolve()),
            "git_origin": origin,
            "git_branch": branch,
            **built_version(),
            **await collector(state),
            "journal_holes": sum(int(session.get("journal_holes") or 0) for session in sessions),
        }
    )


async def _said(state: State, service: str) -> dict[str, str]:
    try:
        return await state["directory"].service(service)
    except DirectoryUnavailable:
        return {}


async def collector(state: State) -> dict[str, Any]:
    """telemetry-service, as the reference speaks of its collector; the endpoint is the gateway's.

    Delays are those of the services that follow the streams, from an event's time to its being dealt with.
    """
    facts, flow = await _said(state, "telemetry"), await _said(state, "flow")
    return {
        "otel_collector_running": bool(facts),
        "otel_collector_pid": int(facts.get("pid", 0)),
        "otel_collector_http_endpoint": urlsplit(state["settings"].url).netloc if facts else "",
        "otel_collector_restart_count": int(facts.get("restarts", 0)),
        "telemetry_store_bytes": int(facts.get("store_bytes", 0)),
        "telemetry_delay_seconds": float(facts.get("delay_seconds", 0)),
        "flow_delay_seconds": float(flow.get("delay_seconds", 0)),
        **({"otel_collector_last_exit": facts["last_exit"]} if facts.get("last_exit") else {}),
    }


@router.get("/api/git/log")
async def git_log(request: Request, state: Resources) -> Response:
    """Recent commits."""
    limit = parameters.whole_number(
        parameters.query_of(request).get("limit"), DEFAULT_COMMITS, "invalid limit", least=1
    )
    try:
        found: dict[str, Any] = await gitlog.recent(
            state["settings"].workspace, min(limit or DEFAULT_COMMITS, MOST_COMMITS)
        )
    except GitTimedOut:
        raise Unavailable("git log timed out") from None
    except GitFailed as error:
        raise Unavailable("git log unavailable") from error
    return reply(found)
