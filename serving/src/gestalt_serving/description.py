"""What routes take and answer, for the API's document only: nothing that serves a request looks at it.

Answers are described by TypedDicts, which cost a start next to nothing; their schemas are made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI
from msgspec import Struct

SCHEMAS = "#/components/schemas/"
JSON = "application/json"


class Told(Struct, frozen=True):
    """One route: what it answers when all is well, its query parameters (a TypedDict), its body.

    `answer` None: no body. `media`: of an answer or a body that is no JSON; it is text then.
    """

    answer: Any = None
    query: Any = None
    body: Any = None
    status: int = 200
    media: str = JSON


Table = Mapping[str, Told]
"""By method and path: `GET /api/sessions`."""


class DescribedApp(FastAPI):
    """An application whose document says of routes what a table says of them."""

    def __init__(self, table: Table, **options: Any) -> None:
        super().__init__(**options)
        self._table = table

    def openapi(self) -> dict[str, Any]:
        """The document; what the table does not name is as FastAPI sees it."""
        if not self.openapi_schema:
            self.openapi_schema = described(super().openapi(), self._table)
        return self.openapi_schema


def described(document: dict[str, Any], table: Table) -> dict[str, Any]:
    """The document with the table written into it. Raises KeyError for a route that is not there."""
    types = [kind for told in table.values() for kind in (told.answer, told.query, told.body) if kind is not None]
    schemas, components = msgspec.json.schema_components(types, ref_template=SCHEMAS + "{name}")
    known = dict(zip(map(id, types), schemas, strict=True))
    for operation in (one for path in document["paths"].values() for one in path.values()):
        operation["responses"].pop("422", None)  # FastAPI's own; refusals are 400 and look alike everywhere
    for route, told in table.items():
        method, path = route.split()
        _write(document["paths"][path][method.lower()], told, known, components)
    queries = {told.query.__name__ for told in table.values() if told.query is not None}
    return document | {"components": {"schemas": {k: v for k, v in components.items() if k not in queries}}}


def _write(operation: dict[str, Any], told: Told, known: Mapping[int, Any], components: Mapping[str, Any]) -> None:
    operation["responses"] = {str(told.status): _answer(told, known)}
    path = [one for one in operation.get("parameters", ()) if one["in"] == "path"]
    query = _parameters(components[told.query.__name__]) if told.query is not None else []
    operation["parameters"] = path + query
    if told.body is not None:
        media = JSON if told.body is not str else "text/plain"
        operation["requestBody"] = {"required": True, "content": {media: {"schema": known[id(told.body)]}}}


def _answer(told: Told, known: Mapping[int, Any]) -> dict[str, Any]:
    if told.answer is None:
        return {"description": "Done"}
    return {"description": "Answer", "content": {told.media: {"schema": known[id(told.answer)]}}}


def _parameters(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One for each key of the TypedDict."""
    return [
        {"name": name, "in": "query", "required": name in schema["required"], "schema": kind}
        for name, kind in schema["properties"].items()
    ]
