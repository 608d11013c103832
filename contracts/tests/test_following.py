"""A client follows a stream: items, a sign of life in between, and an end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gestalt_contracts.following import interleave


async def failing() -> AsyncIterator[str]:
    yield "a"
    raise ValueError("the source broke")


async def few() -> AsyncIterator[str]:
    yield "a"
    yield "b"


class Silent:
    """Yields what it has, then nothing; notes when it is let go."""

    def __init__(self, *items: str) -> None:
        self.items = items
        self.let_go = False

    async def follow(self) -> AsyncIterator[str]:
        for item in self.items:
            yield item
        try:
            await asyncio.Event().wait()
        finally:
            self.let_go = True


async def test_a_failure_of_the_source_is_the_clients_too() -> None:
    with pytest.raises(ValueError, match="broke"):
        [item async for item in interleave(failing(), asyncio.Event(), pulse=5)]


async def test_a_stopped_server_follows_nothing() -> None:
    stopping, source = asyncio.Event(), Silent("a")
    stopping.set()
    assert [item async for item in interleave(source.follow(), stopping, pulse=5)] == []


async def test_items_come_in_order_and_the_end_is_the_end() -> None:
    assert [item async for item in interleave(few(), asyncio.Event(), pulse=5)] == ["a", "b"]


async def test_silence_has_a_pulse_and_a_stop_ends_it_and_lets_the_source_go() -> None:
    stopping, source, got = asyncio.Event(), Silent("a"), list[str | None]()
    async with asyncio.timeout(5):
        async for item in interleave(source.follow(), stopping, pulse=0.01):
            got.append(item)
            if len(got) == 3:
                stopping.set()
    assert got == ["a", None, None]
    assert source.let_go


async def test_a_pulse_loses_nothing() -> None:
    gate = asyncio.Event()

    async def late() -> AsyncIterator[str]:
        await gate.wait()
        yield "late"

    got = []
    async with asyncio.timeout(5):
        async for item in interleave(late(), asyncio.Event(), pulse=0.01):
            got.append(item)
            gate.set()
    assert got[0] is None
    assert [item for item in got if item is not None] == ["late"]
