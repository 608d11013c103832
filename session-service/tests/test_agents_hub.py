"""The Agents hub, as its worker keeps it."""

from __future__ import annotations

import shutil

import pytest
from session_world import ECHO, World
from waiting import eventually

from gestalt_session.agents_hub import LONGEST_LOOK_SECONDS, LOOK_SECONDS, AgentsHub, next_pause


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
@pytest.mark.asyncio(loop_scope="module")
async def test_a_hub_that_is_there_is_not_made_again_and_one_that_ended_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gestalt_session.agents_hub.LOOK_SECONDS", 600.0)
    worker = await world.start()
    await worker.create(ECHO, runner="external")
    hub = AgentsHub(worker.service)
    assert not await hub.ensure()
    (first,) = [session for session in worker.service.listed() if session.id == "1"]
    assert first.device is not None
    first.device.hang_up()
    await eventually(lambda: not first.live)
    assert await hub.ensure()


def test_a_hub_that_ends_again_and_again_is_made_ever_more_seldom() -> None:
    assert next_pause(LOOK_SECONDS, again=True) == 2 * LOOK_SECONDS
    assert next_pause(LONGEST_LOOK_SECONDS, again=True) == LONGEST_LOOK_SECONDS
    assert next_pause(LONGEST_LOOK_SECONDS, again=False) == LOOK_SECONDS
