"""A worker's screen process, at its edges."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gestalt_session.screen.process import Screens, ScreenUnavailable


async def test_who_waits_for_a_screen_is_told_at_once_that_the_worker_stops(tmp_path: Path) -> None:
    screens = Screens(tmp_path)
    assert screens.available
    running = asyncio.create_task(screens.run_forever())
    asked = screens.show("a session", 0)
    await asyncio.sleep(0)

    running.cancel()
    async with asyncio.timeout(4):
        await asyncio.gather(running, return_exceptions=True)

    assert asked.done()
    with pytest.raises(ScreenUnavailable, match="the worker stops"):
        asked.result()
