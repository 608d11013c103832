"""Random cuts, resizes and kills while a program writes without pause: hypothesis chooses, the journal judges."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from tests.resilience.test_kills import VICTIMS, check_journal
from tests.support import processes, programs
from tests.support.client import Viewer
from tests.support.eventually import eventually
from tests.support.stack import Stack

BYTES_BETWEEN_STEPS = 300_000
STEPS = ("cut", "resize", "worker", "host", "gateway", "redis")

Step = Callable[[Stack, Viewer], Awaitable[None]]


@pytest.mark.timeout(240)
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(st.sampled_from(STEPS), min_size=6, max_size=10))
def test_whatever_is_cut_and_killed_every_byte_arrives_once(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_play(Path(folder), steps))


async def _play(folder: Path, steps: list[str]) -> None:
    side = folder / "side"
    async with Stack(folder) as stack, stack.api() as api:
        session = await api.create(programs.numbered(0, side), cols=200)
        async with api.viewer(session["uid"], expected=programs.expected, keep=False) as viewer:
            for step in steps:
                await viewer.reach(viewer.end + BYTES_BETWEEN_STEPS, 20)
                await _take(step, stack, viewer)
            await viewer.reach(viewer.end + BYTES_BETWEEN_STEPS, 20)
            assert viewer.resets == []
            assert (await eventually(lambda: api.session(session["uid"]), 10))["pid"] == session["pid"]
            await eventually(lambda: _end(api.http.post, session["uid"]), 10)
            assert await viewer.closed() == 1000
        check_journal(stack, session["uid"], side)


async def _take(step: str, stack: Stack, viewer: Viewer) -> None:
    if step == "cut":
        viewer.cut()
    elif step == "resize":
        with suppress(AssertionError, ConnectionClosed):
            await viewer.resize(90, 30)
    else:
        await stack.settled()
        processes.kill(await eventually(lambda: _victim(step, stack)))


def _victim(step: str, stack: Stack) -> int:
    """The process to kill, 0 while it is not there."""
    if step != "redis":
        return VICTIMS[step](stack)
    with suppress(StopIteration):
        return stack.redis_pid()
    return 0


async def _end(post: Callable[..., Awaitable[object]], uid: str) -> bool:
    answer = await post(f"/api/sessions/{uid}/signal", json={"signal": "TERM"})
    return getattr(answer, "status_code", 0) == 204
