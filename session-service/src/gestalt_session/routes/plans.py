"""The plans of the workspace (contract §5)."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gestalt_contracts.errors import NotFound
from gestalt_serving.errors import JSON
from gestalt_session.routes.state import Resources

router = APIRouter()


@router.get("/api/plans")
async def plans(state: Resources) -> Response:
    """All plans, those that cannot be read included."""
    return Response(await state["plans"].all(), media_type=JSON)


@router.get("/api/plans/{filename}")
async def plan(filename: str, state: Resources) -> Response:
    """One plan."""
    found = await state["plans"].one(filename)
    if found is None:
        raise NotFound("plan not found")
    return Response(found, media_type=JSON)
