"""The stream of the list: changes are gathered, but never for longer than a moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from gestalt_contracts.directory import Change
from gestalt_session import watchlist


async def test_changes_that_never_pause_are_told_all_the_same() -> None:
    async def restless() -> AsyncIterator[Change]:
        while True:
            await asyncio.sleep(watchlist.COALESCED_SECONDS / 20)
            yield Change(removed="a")

    async with asyncio.timeout(watchlist.COALESCED_SECONDS * 20):
        told = watchlist._coalesced(restless())
        assert [await anext(told) for _ in range(2)] == [[Change(removed="a")]] * 2
        await told.aclose()  # type: ignore[attr-defined]


async def test_of_several_changes_of_one_session_the_last_is_told_once() -> None:
    async def burst() -> AsyncIterator[Change]:
        for uid in ("a", "b", "a"):
            yield Change(removed=uid)
        await asyncio.Event().wait()

    async with asyncio.timeout(watchlist.COALESCED_SECONDS * 20):
        told = watchlist._coalesced(burst())
        assert await anext(told) == [Change(removed="b"), Change(removed="a")]
        await told.aclose()  # type: ignore[attr-defined]
