"""What the lifespan owns and routes use."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, TypedDict, cast

import msgspec
from fastapi import Depends, Response
from starlette.requests import HTTPConnection

from gestalt_contracts.bus import Bus
from gestalt_serving.errors import JSON
from gestalt_serving.metrics import ServiceMetrics
from gestalt_telemetry.exposition import Disk
from gestalt_telemetry.forwarding.forwarder import Forwarder
from gestalt_telemetry.live import Feed
from gestalt_telemetry.settings import Settings
from gestalt_telemetry.store.port import Store
from gestalt_telemetry.summary import Summary

SessionName = Callable[[str], Awaitable[str]]
"""The id of a session by its uid; empty when nobody knows."""


class State(TypedDict):
    """Resources of the running service."""

    settings: Settings
    store: Store
    feed: Feed
    summary: Summary
    bus: Bus
    metrics: ServiceMetrics
    disk: Disk
    forwarder: Forwarder | None
    session_name: SessionName
    stopping: asyncio.Event


async def _state(connection: HTTPConnection) -> State:
    return cast("State", connection.scope["state"])


Resources = Annotated[State, Depends(_state)]


def page(found: bytes) -> Response:
    """A JSON response that is encoded already."""
    return Response(found, media_type=JSON)


async def long_reply(value: Callable[[], object]) -> Response:
    """A JSON response that is made in a thread: it may take longer than the loop may stand still."""
    return page(await asyncio.to_thread(lambda: msgspec.json.encode(value()) + b"\n"))


def reply(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response, one line."""
    return Response(msgspec.json.encode(value) + b"\n", status, headers, media_type=JSON)
