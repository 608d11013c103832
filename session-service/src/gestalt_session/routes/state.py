"""What the lifespan owns and routes use."""

from __future__ import annotations

import asyncio
from typing import Annotated, TypedDict, cast

import msgspec
from fastapi import Depends, Response
from starlette.requests import HTTPConnection

from gestalt_contracts.bus import Bus
from gestalt_contracts.directory import Directory
from gestalt_contracts.idempotency import IdempotencyStore
from gestalt_serving.errors import JSON
from gestalt_serving.metrics import ServiceMetrics
from gestalt_session.agent_sessions import AgentSessions
from gestalt_session.agents.catalogue import Catalogue
from gestalt_session.agents_hub import AgentsHub
from gestalt_session.archive import Archive
from gestalt_session.notifier import Notifier
from gestalt_session.overview import Overview
from gestalt_session.service import SessionService
from gestalt_session.settings import Settings
from gestalt_session.terminal.session import Session
from gestalt_session.workspace.plans.catalogue import Plans


class State(TypedDict):
    """Resources of one running worker."""

    settings: Settings
    service: SessionService
    overview: Overview
    catalogue: Catalogue
    hub: AgentsHub
    archive: Archive
    plans: Plans
    notifier: Notifier
    agent_sessions: AgentSessions
    directory: Directory
    bus: Bus
    metrics: ServiceMetrics
    idempotency: IdempotencyStore
    stopping: asyncio.Event


async def _state(connection: HTTPConnection) -> State:
    return cast("State", connection.scope["state"])


Resources = Annotated[State, Depends(_state)]


async def _session(ref: str, connection: HTTPConnection, state: Resources) -> Session:
    return state["service"].held(ref, connection.headers.get("x-gestalt-uid"))


Held = Annotated[Session, Depends(_session)]
"""The session of the path, held by this worker."""


def reply(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response, one line."""
    return Response(msgspec.json.encode(value) + b"\n", status, headers, media_type=JSON)


def nothing() -> Response:
    """204."""
    return Response(status_code=204)
