"""What a client is told when something does not go well, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request

from gestalt_contracts.errors import Conflict, Unavailable
from gestalt_serving import bodies
from gestalt_serving.errors import answering, install

router = APIRouter()
LIMIT = 8


class StoreAway(Exception):
    """A service's own."""


@router.get("/things")
async def things() -> None:
    raise Conflict("there is one already", session_id="Shell 1")


@router.post("/things")
async def take(request: Request) -> int:
    return len(await bodies.raw(request, LIMIT))


@router.get("/away")
async def away() -> None:
    raise StoreAway


@router.get("/broken")
async def broken() -> None:
    raise RuntimeError("a bug")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    install(app, router.routes, {StoreAway: answering(lambda: Unavailable("the store is away"))})
    app.include_router(router)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "code", "message"),
    [
        ("/things", 409, "conflict", "there is one already"),
        ("/away", 503, "service_unavailable", "the store is away"),
        ("/nowhere", 404, "not_found", "not found"),
        ("/broken", 500, "internal_error", "internal error"),
    ],
)
async def test_each_error_has_the_one_shape(
    client: httpx.AsyncClient, path: str, status: int, code: str, message: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    told = answer.json()
    assert (told["code"], told["message"], told["error"]) == (code, message, message)


async def test_a_wrong_method_names_all_that_the_path_takes(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/things")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


async def test_a_body_over_the_limit_is_refused_announced_or_not(client: httpx.AsyncClient) -> None:
    async def unannounced() -> AsyncIterator[bytes]:
        yield b"four"
        yield b"and more"

    assert (await client.post("/things", content=b"x" * (LIMIT + 1))).status_code == 413
    assert (await client.post("/things", content=unannounced())).status_code == 413
    assert (await client.post("/things", content=b"x" * LIMIT)).json() == LIMIT
