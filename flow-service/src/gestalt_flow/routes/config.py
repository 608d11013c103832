"""The configuration: look, replace, export, import, validate.

Reading or writing 1 MiB of YAML takes seconds: threads do it, so that the holds on running activities are renewed.
"""

from __future__ import annotations

import asyncio
from email.message import Message
from typing import Any

from fastapi import APIRouter, Request, Response

from gestalt_contracts.errors import InvalidRequest
from gestalt_flow import catalogue
from gestalt_flow.documents import Refused, bundle_text, flows_of_bundle, flows_of_json, shown
from gestalt_flow.event_types import EVENT_TYPES
from gestalt_flow.folder import Loaded
from gestalt_flow.routes.errors import UnsupportedMediaType, problems_shown
from gestalt_flow.routes.state import Resources, reply
from gestalt_flow.settings import FLOWS
from gestalt_serving import bodies

router = APIRouter(prefix="/api/flow")
YAML = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})


@router.get("/activities")
async def list_activities() -> Response:
    """The catalogue."""
    return reply(catalogue.shown())


@router.get("/event-types")
async def list_event_types() -> Response:
    """What flows may fire on; any other type may be written too."""
    return reply({"event_types": EVENT_TYPES})


@router.get("/config")
async def get_config(state: Resources) -> Response:
    """All flows, in order, and which files are set aside."""
    return _config(await state["flows"].read())


@router.put("/config")
async def put_config(request: Request, state: Resources) -> Response:
    """Replace all flows."""
    body = await bodies.raw(request, state["settings"].body_limit)
    flows = await asyncio.to_thread(flows_of_json, body)
    return _config(await state["flows"].save(flows, if_match(request)))


@router.get("/config/export")
async def export(state: Resources) -> Response:
    """A bundle."""
    loaded = await state["flows"].read()
    headers = {"Content-Disposition": 'attachment; filename="flows.yaml"'}
    text = await asyncio.to_thread(bundle_text, loaded.flows)
    return Response(text, 200, headers, media_type="application/yaml; charset=utf-8")


@router.post("/config/import")
async def import_bundle(request: Request, state: Resources) -> Response:
    """Replace all flows by those of a bundle."""
    if media_type(request) not in YAML:
        raise UnsupportedMediaType("unsupported content type")
    body = await bodies.raw(request, state["settings"].import_limit)
    if not body.strip():
        raise InvalidRequest(bodies.INVALID)
    flows = await asyncio.to_thread(flows_of_bundle, body)
    return _config(await state["flows"].save(flows, if_match(request)))


@router.post("/config/validate")
async def validate(request: Request, state: Resources) -> Response:
    """Say what is wrong with a configuration; save nothing."""
    body = await bodies.raw(request, state["settings"].body_limit)
    read = flows_of_bundle if media_type(request) in YAML else flows_of_json
    try:
        await asyncio.to_thread(read, body)
    except Refused as refused:
        return reply({"valid": False, "errors": problems_shown(refused.problems)})
    return reply({"valid": True, "errors": []})


def _config(loaded: Loaded) -> Response:
    errors = [{"path": problem.path, "message": problem.message} for problem in loaded.problems]
    body: dict[str, Any] = {**shown(loaded.flows), "storage_path": str(FLOWS)}
    body |= {"revision": loaded.revision, "errors": errors}
    return reply(body, headers={"ETag": f'"{loaded.revision}"'})


def if_match(request: Request) -> str | None:
    """The revision that a save builds on; None: whatever there is."""
    given = request.headers.get("if-match", "").strip()
    return None if given in {"", "*"} else given.removeprefix("W/").strip('"')


def media_type(request: Request) -> str:
    """The media type of the body, lower case, without parameters; empty for what is none."""
    parsed = Message()
    parsed["content-type"] = request.headers.get("content-type", "")
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return given if parsed.get_content_type() == given else ""
