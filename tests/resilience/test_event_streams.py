"""Event streams through every kill: what the stream keeps arrives once and in order, or a reset is said."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.redis_client import create_redis
from tests.conftest import Starts
from tests.support import processes, programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.listening import Listener, listening
from tests.support.stack import Stack

VICTIMS: dict[str, Callable[[Stack], int]] = {
    "gateway": lambda stack: stack.gateway_pids()[0],
    "worker": lambda stack: stack.worker_pids()[0],
    "redis": lambda stack: stack.redis_pid(),
}
BELL_SECONDS = 0.02
BELLS = 20
"""So many events before and after each kill."""


@pytest.mark.timeout(120)
async def test_what_the_stream_keeps_arrives_once_and_in_order_whatever_is_killed(stack: Starts) -> None:
    running = await stack()
    async with running.api() as api:
        session = await api.create(programs.echo())
        async with (
            listening(api) as socket,
            listening(api, path="/api/events/stream") as sse,
            ringing(api, session["uid"]),
        ):
            await running.settled(proven=True)
            for victim in VICTIMS.values():
                await running.settled()
                await more_bells(socket, sse)
                processes.kill(victim(running))
                await more_bells(socket, sse)
        kept = await kept_ids(running)
        begun = kept.index(socket.ids[0])
        assert socket.ids == kept[begun : begun + len(socket.ids)]
        assert sse.ids == kept[kept.index(sse.ids[0]) :][: len(sse.ids)]
        assert socket.of("reset") == sse.of("reset") == []
        assert socket.connections >= 3, "the kills of gateway and worker have cut it"


async def more_bells(*listeners: Listener) -> None:
    """Wait until each has heard BELLS more."""
    for listener in listeners:
        await heard(listener, len(listener.ids) + BELLS)


async def heard(listener: Listener, count: int) -> None:
    """Wait until so many events have come."""
    await eventually(lambda: listener.raise_if_broken() and len(listener.ids) >= count, 20, what="events go on")


@asynccontextmanager
async def ringing(api: Api, uid: str) -> AsyncIterator[None]:
    """A session that rings without pause, as far as it is let."""

    async def ring_on() -> None:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                await api.http.post(f"/api/sessions/{uid}/bell")
            await asyncio.sleep(BELL_SECONDS)

    task = asyncio.create_task(ring_on())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def kept_ids(stack: Stack) -> list[str]:
    """Every id in the stream of events, as Redis has it."""
    client = create_redis(stack.redis_url(), name="test")
    try:
        entries: Any = await client.xrange(Names().stream(Stream.EVENTS))
        return [entry[0].decode() for entry in entries]
    finally:
        await client.aclose()


async def test_after_redis_was_emptied_who_comes_back_is_told_reset_and_gets_what_is_kept(stack: Starts) -> None:
    running = await stack()
    async with running.api() as api:
        session = await api.create(programs.echo())
        async with listening(api) as live, listening(api, path="/api/events/stream") as live_sse:
            await ring(api, session["uid"], live, live_sse)
            before = live.last
            await emptied(running)
            await ring(api, session["uid"], live, live_sse)
        kept = await kept_ids(running)
        for path in ("/api/sessions/events", "/api/events/stream"):
            async with listening(api, path=path, after=before) as back:
                await heard(back, len(kept))
                assert back.ids == kept
                assert set(back.frames[0]) == {"type", "reason", "oldest"}
                assert (back.frames[0]["type"], back.frames[0]["oldest"]) == ("reset", kept[0])


async def ring(api: Api, uid: str, *listeners: Listener) -> None:
    """Post a bell that each hears."""
    counts = [len(listener.ids) for listener in listeners]
    assert (await api.http.post(f"/api/sessions/{uid}/bell")).status_code == 204
    for listener, count in zip(listeners, counts, strict=True):
        await heard(listener, count + 1)


async def emptied(stack: Stack) -> None:
    """FLUSHALL."""
    client = create_redis(stack.redis_url(), name="test")
    await client.flushall()
    await client.aclose()
