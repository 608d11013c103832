"""Gathering a flood: when it is waited for, and when not."""

from __future__ import annotations

import pytest
from gateway_world import eventually

from gestalt_gateway.gathering import FAST, IN_A_ROW, Gathering

PIECE = 20_000
TRICKLE = 2 * PIECE / FAST


class Valve:
    """The reading side of a transport."""

    def __init__(self) -> None:
        self.reading = True
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        assert not self.closing
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.closing
        self.reading = True


class Watch:
    now = 100.0

    def __call__(self) -> float:
        return self.now

    def after(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
async def parts() -> tuple[Gathering, Valve, Watch]:
    valve, watch = Valve(), Watch()
    gathering = Gathering(valve, clock=watch)  # type: ignore[arg-type]
    gathering.came(PIECE)
    assert valve.reading, "a first piece is never followed by a wait"
    return gathering, valve, watch


@pytest.mark.parametrize("gap", [0.0, PIECE / FAST / 2, IN_A_ROW, 1.0])
async def test_pieces_that_come_at_once_or_now_and_then_are_not_gathered(
    parts: tuple[Gathering, Valve, Watch], gap: float
) -> None:
    gathering, valve, watch = parts
    watch.after(gap)
    gathering.came(PIECE)
    assert valve.reading


async def test_a_trickling_flood_is_waited_for_a_moment(parts: tuple[Gathering, Valve, Watch]) -> None:
    gathering, valve, watch = parts
    watch.after(TRICKLE)
    gathering.came(PIECE)
    assert not valve.reading
    await eventually(lambda: valve.reading)


async def test_a_side_that_does_not_read_is_not_overrun_when_the_moment_is_over(
    parts: tuple[Gathering, Valve, Watch],
) -> None:
    gathering, valve, watch = parts
    watch.after(TRICKLE)
    gathering.came(PIECE)
    gathering.hold()
    await eventually(lambda: gathering._timer is None)
    assert not valve.reading
    gathering.release()
    assert valve.reading


async def test_a_side_that_reads_again_does_not_end_the_moment(parts: tuple[Gathering, Valve, Watch]) -> None:
    gathering, valve, watch = parts
    gathering.hold()
    gathering.release()
    watch.after(TRICKLE)
    gathering.came(PIECE)
    gathering.hold()
    gathering.release()
    assert not valve.reading
    await eventually(lambda: valve.reading)


async def test_an_end_reads_on_at_once_and_a_closed_transport_is_left_alone(
    parts: tuple[Gathering, Valve, Watch],
) -> None:
    gathering, valve, watch = parts
    watch.after(TRICKLE)
    gathering.came(PIECE)
    gathering.stop()
    assert valve.reading
    watch.after(TRICKLE)
    gathering.came(PIECE)
    valve.closing = True
    await eventually(lambda: gathering._timer is None)
    gathering.hold()
    gathering.release()
    gathering.stop()
