"""Whatever dies, a terminal keeps the size of who led: those who come back first have no claim to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Starts
from tests.support import processes, programs
from tests.support.client import Viewer
from tests.support.eventually import eventually
from tests.support.stack import Stack

VICTIMS: dict[str, Callable[[Stack], int]] = {
    "worker": lambda stack: stack.worker_pids()[0],
    "gateway": lambda stack: stack.gateway_pids()[0],
}


@pytest.mark.parametrize("victim", VICTIMS)
async def test_a_terminal_keeps_its_leaders_size(stack: Starts, victim: str) -> None:
    running = await stack()
    async with running.api() as api:
        session = await api.create(programs.size())
        async with api.viewer(session["uid"]) as other, api.viewer(session["uid"]) as leading:
            for viewer in (other, leading):
                await viewer.shows(b"80x24\r\n")
            await other.resize(50, 20)
            await leading.resize(100, 40)
            await leading.type(b"x")
            await leading.shows(b"100x40\r\n")
            await eventually(lambda: leading.leads and not other.leads)

            await running.settled(proven=True)
            processes.kill(VICTIMS[victim](running))
            for viewer, size in ((other, (50, 20)), (leading, (100, 40))):
                await back(viewer)
                await viewer.resize(*size)

            await eventually(lambda: leading.leads and not other.leads)
            assert leading.data == b"80x24\r\n50x20\r\n100x40\r\n", "the program was told of no other size"


async def back(viewer: Viewer) -> None:
    """It is connected for the second time."""
    await viewer.reconnected(2, 10.0)
