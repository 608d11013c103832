"""Names under faults: whatever happens to Redis or to a worker meanwhile, no two sessions have one id."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.support import programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.faults import Fault, flushed, redis_killed, worker_killed
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
BEFORE, MEANWHILE, AFTER = 6, 20, 6


@pytest.mark.parametrize("fault", [flushed, redis_killed, worker_killed])
async def test_no_name_is_given_away_twice(system: Stack, api: Api, fault: Fault) -> None:
    title = fault.__name__
    await system.settled(proven=True)
    first = await created(api, title, BEFORE)
    assert [session["id"] for session in first] == [f"{title} {number}" for number in range(1, BEFORE + 1)]
    during = asyncio.gather(*(tried(api, title) for _ in range(MEANWHILE)))
    await fault(system)
    made = [*first, *filter(None, await during)]
    await eventually(lambda: works(api), 15, what="sessions can be created again")
    made += await created(api, title, AFTER)
    listed = await eventually(lambda: all_listed(api, title, made), 10, what="every session is listed again, running")
    ids = {session["uid"]: session["id"] for session in listed}
    assert len(set(ids.values())) == len(ids), ids
    assert ids.items() >= {session["uid"]: session["id"] for session in made}.items()


async def created(api: Api, title: str, count: int) -> list[dict[str, Any]]:
    return [await api.create(programs.echo(), title=title) for _ in range(count)]


async def tried(api: Api, title: str) -> dict[str, Any] | None:
    """A session, or None: what was answered by an error is not promised, but may be there."""
    try:
        answer = await api.http.post("/api/sessions", json={"command": programs.echo(), "title": title})
    except httpx.HTTPError:
        return None
    assert answer.status_code in {201, 502, 503}, answer.text
    return answer.json() if answer.is_success else None


async def works(api: Api) -> bool:
    answer = await api.http.post("/api/sessions", json={"command": ["true"], "title": "other"})
    return answer.is_success


async def all_listed(api: Api, title: str, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The list, once every one of these runs in it."""
    listed = [session for session in await api.get("/api/sessions") if session["title"] == title]
    running = {session["uid"] for session in listed if session["status"] == "running"}
    return listed if running >= {session["uid"] for session in made} else []
