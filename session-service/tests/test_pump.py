"""Sessions are served in turn, and one that fails stops no other."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from gestalt_session.terminal.pump import Pump


class Work:
    """Something to serve: it notes each turn, and has `turns` of them to do."""

    def __init__(self, name: str, turns: int, done: list[str]) -> None:
        self.queued = False
        self.name = name
        self.turns = turns
        self.done = done

    def serve(self) -> bool:
        self.done.append(self.name)
        self.turns -= 1
        if self.turns < 0:
            raise ValueError(self.name)
        return self.turns > 0


async def settled(*works: Work) -> None:
    async with asyncio.timeout(5):
        while any(work.queued for work in works):  # noqa: ASYNC110 - a turn of the loop is what is waited for
            await asyncio.sleep(0)


async def test_one_that_fails_is_told_and_the_others_go_on() -> None:
    done: list[str] = []
    pump, bad, good = Pump(asyncio.get_running_loop()), Work("bad", 0, done), Work("good", 2, done)
    pump.wake(bad)
    pump.wake(good)
    with capture_logs() as told:
        await settled(bad, good)
    assert done == ["bad", "good", "good"]
    assert [line["event"] for line in told] == ["a session could not be served"]


async def test_a_flood_lets_the_others_between() -> None:
    done: list[str] = []
    pump, flood, quiet = Pump(asyncio.get_running_loop()), Work("flood", 4, done), Work("quiet", 1, done)
    pump.wake(flood)
    pump.wake(quiet)
    await settled(flood, quiet)
    assert done == ["flood", "quiet", "flood", "flood", "flood"]


async def test_woken_twice_is_served_once_and_never_at_once() -> None:
    done: list[str] = []
    pump, work = Pump(asyncio.get_running_loop()), Work("work", 1, done)
    pump.wake(work)
    pump.wake(work)
    assert done == []
    await settled(work)
    assert done == ["work"]
