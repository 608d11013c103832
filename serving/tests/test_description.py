"""What an application's document says of routes that a table describes."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import pytest
from fastapi import APIRouter, Response

from gestalt_serving.description import DescribedApp, Table, Told

router = APIRouter()


@router.post("/things/{ref}")
async def change(ref: str, strange: int = 0) -> Response:
    """Change it."""
    return Response(f"{ref}{strange}")


class Thing(TypedDict):
    """A thing."""

    name: str
    parts: list[Thing]


class Query(TypedDict, total=False):
    """How."""

    form: Literal["raw", "text"]


def operation(table: Table) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is said of the route, and the whole document."""
    app = DescribedApp(table, title="Things")
    app.include_router(router)
    document = app.openapi()
    return document["paths"]["/things/{ref}"]["post"], document


def test_a_route_that_is_not_there_cannot_be_described() -> None:
    with pytest.raises(KeyError):
        operation({"GET /things/{ref}": Told(Thing)})


def test_what_nobody_describes_answers_as_refusals_do_everywhere() -> None:
    found, document = operation({})
    assert "422" not in found["responses"]
    assert document["components"]["schemas"] == {}


def test_answer_query_and_body_are_told() -> None:
    found, document = operation({"POST /things/{ref}": Told(Thing, query=Query, body=Thing, status=201)})
    thing = {"$ref": "#/components/schemas/Thing"}
    assert found["summary"] == "Change"
    assert found["responses"]["201"]["content"]["application/json"]["schema"] == thing
    assert found["requestBody"] == {"required": True, "content": {"application/json": {"schema": thing}}}
    assert [(one["name"], one["in"], one["required"]) for one in found["parameters"]] == [
        ("ref", "path", True),
        ("form", "query", False),
    ]
    assert list(document["components"]["schemas"]) == ["Thing"]


def test_text_and_nothing_are_told() -> None:
    found, _ = operation({"POST /things/{ref}": Told(str, media="application/yaml", body=str)})
    assert list(found["responses"]["200"]["content"]) == ["application/yaml"]
    assert list(found["requestBody"]["content"]) == ["text/plain"]
    found, _ = operation({"POST /things/{ref}": Told(status=204)})
    assert found["responses"] == {"204": {"description": "Done"}}
