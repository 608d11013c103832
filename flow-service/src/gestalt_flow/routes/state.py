"""What the lifespan owns and routes use."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, TypedDict, cast

import msgspec
from fastapi import Depends, Response
from redis.asyncio import Redis
from starlette.requests import HTTPConnection

from gestalt_contracts.channels import Names
from gestalt_contracts.idempotency import IdempotencyStore
from gestalt_flow.flows import Flows
from gestalt_flow.measures import IntakeAge
from gestalt_flow.revisions_redis import Revisions
from gestalt_flow.runs_redis import Runs
from gestalt_flow.settings import Settings
from gestalt_serving.errors import JSON
from gestalt_serving.metrics import ServiceMetrics


class State(TypedDict):
    """Resources of one running replica."""

    settings: Settings
    flows: Flows
    runs: Runs
    revisions: Revisions
    client: Redis
    names: Names
    instance: str
    idempotency: IdempotencyStore
    metrics: ServiceMetrics
    intake_age: IntakeAge
    stopping: asyncio.Event


async def _state(connection: HTTPConnection) -> State:
    return cast("State", connection.scope["state"])


Resources = Annotated[State, Depends(_state)]


def reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response, one line."""
    return Response(msgspec.json.encode(value) + b"\n", status, headers, media_type=JSON)
