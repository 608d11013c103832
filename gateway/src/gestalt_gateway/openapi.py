"""One description of the whole API: this gateway's own routes and what every service says of itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from gestalt_gateway import own_schemas
from gestalt_gateway.live_directory import LiveDirectory
from gestalt_gateway.routing import ROUTES, Kind, Route, Upstream
from gestalt_gateway.services import Services

Fetch = Callable[[str], Awaitable[bytes | None]]
"""Gets `/openapi.json` of the service at an address; None when it has none to give."""

ERROR_SCHEMA = {
    "type": "object",
    "required": ["message", "error", "code"],
    "properties": {name: {"type": "string"} for name in ("message", "error", "code", "session_id")},
}
DESCRIBED = {
    "/healthz": "Whether this process runs.",
    "/readyz": "Whether it can serve, and which part cannot.",
    "/metrics": "Prometheus metrics of the gateway.",
    "/openapi.json": "This document.",
    "/docs": "This document, to read.",
    "/docs/{asset}": "Script and style of that page.",
    "/api/auth/login": "Exchange the token for a session cookie.",
    "/api/auth/logout": "End the login session of the cookie, on every gateway.",
    "/api/auth/ticket": "A single-use `?ticket=` for WebSockets and event streams, valid for 30 s.",
}


class Documents:
    """Collects and merges; a service that is away or silent is left out, its routes are listed without detail."""

    def __init__(self, live: LiveDirectory, services: Services, fetch: Fetch) -> None:
        self._live = live
        self._services = services
        self._fetch = fetch

    async def merged(self) -> dict[str, Any]:
        """The whole document."""
        worker = self._live.any_worker()
        addresses = [worker.address if worker else None]
        addresses += [await self._services.address(name) for name in ("flow", "telemetry")]
        raw = await asyncio.gather(*(self._fetch(address) for address in addresses if address))
        return merged(document for part in raw if part and (document := _decoded(part)))


def _decoded(raw: bytes) -> dict[str, Any] | None:
    try:
        document = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return None
    return document if isinstance(document, dict) else None


def merged(documents: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """This gateway's table, with the details the services give for routes in it; what is not public is left out."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {"Error": ERROR_SCHEMA, **own_schemas.schemas()}
    for route in ROUTES:
        outline = _outline(route)
        own = own_schemas.described(route.template)
        paths.setdefault(route.template, {})[route.method.lower()] = outline | own | _both(outline, own)
    for document in documents:
        schemas |= document.get("components", {}).get("schemas", {})
        for route, described in _matching(document):
            outline = paths[route.template][route.method.lower()]
            outline |= described | _both(outline, described)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Gestalt", "version": "0.1.0"},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        "security": [{"bearer": []}],
    }


def _both(outline: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    """Placeholders by our names, query parameters by theirs; errors as they are everywhere."""
    query = [one for one in described.get("parameters", ()) if one["in"] != "path"]
    parameters = outline.get("parameters", []) + query
    return {
        "responses": {**described.get("responses", {}), **outline["responses"]},
        **({"parameters": parameters} if parameters else {}),
    }


def _matching(document: dict[str, Any]) -> Iterable[tuple[Route, dict[str, Any]]]:
    """Pairs of our route and what the service says of it; placeholders may bear other names there."""
    theirs = {_shape(path): operations for path, operations in document.get("paths", {}).items()}
    for route in ROUTES:
        if route.upstream is Upstream.GATEWAY:
            continue
        described = theirs.get(_shape(route.template), {}).get(route.method.lower())
        if isinstance(described, dict):
            yield route, described


def _shape(path: str) -> str:
    return "/".join("{}" if word.startswith("{") else word for word in path.split("/"))


def _outline(route: Route) -> dict[str, Any]:
    names = [word[1:-1] for word in route.template.split("/") if word.startswith("{")]
    described: dict[str, Any] = {
        "summary": DESCRIBED.get(route.template, f"{route.method} {route.template}"),
        "tags": ["gateway" if route.upstream is Upstream.GATEWAY else route.template.split("/")[2]],
        "responses": {
            "default": {
                "description": "Errors",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }
        },
    }
    if names:
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if route.kind is Kind.WEBSOCKET:
        described["description"] = "A WebSocket: send an upgrade request."
    return described
