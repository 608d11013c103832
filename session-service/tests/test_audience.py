"""What the host is told of the pace, and when."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gestalt_session.terminal.audience import RENEW_SECONDS, Audience
from gestalt_session.terminal.pacing import CUT_OFF_SECONDS, Limit, kept_for, kept_for_all
from gestalt_session.terminal.viewer import Viewer

MIB = 1024 * 1024
CAPACITY = 64 * MIB


class Socket:
    """Takes everything."""

    writable = True

    def output(self, chunk: bytes) -> None:
        pass

    def control(self, message: dict[str, Any]) -> None:
        pass

    def finish(self, code: int, reason: str) -> None:
        pass


def counted(limit: Limit, viewers: int) -> Limit:
    return msgspec.structs.replace(limit, viewers=viewers)


def offsets(told: list[Limit | None]) -> list[int | None]:
    return [limit and limit.offset for limit in told]


@pytest.fixture
def told() -> list[Limit | None]:
    return []


@pytest.fixture
def audience(told: list[Limit | None]) -> Audience:
    return Audience(CAPACITY, limit=told.append)


@pytest.fixture
def reads(audience: Audience) -> Callable[[int, float], Viewer]:
    """A viewer that has read so many MiB in the second before `now`."""

    def reads(mebibytes: int, now: float) -> Viewer:
        viewer = Viewer(Socket(), 0, readonly=False, now=now - 1.0)
        audience.add(viewer, now - 1.0)
        viewer.give(bytes(mebibytes * MIB), now)
        return viewer

    return reads


def test_a_session_that_nobody_watches_has_no_limit(audience: Audience, told: list[Limit | None]) -> None:
    audience.pace(0.0, running=True)

    assert told == []


def test_the_limit_follows_an_earnest_viewer_in_steps_and_is_renewed(
    audience: Audience, told: list[Limit | None], reads: Callable[[int, float], Viewer]
) -> None:
    viewer = reads(8, 10.0)
    audience.pace(10.0, running=True)
    viewer.give(bytes(MIB), 10.1)
    audience.pace(10.1, running=True)
    assert offsets(told) == [32 * MIB], "a little further is no news"

    viewer.give(bytes(3 * MIB), 10.2)
    audience.pace(10.2, running=True)
    assert offsets(told) == [32 * MIB, 36 * MIB]

    audience.pace(10.2 + RENEW_SECONDS, running=True)
    assert offsets(told) == [32 * MIB, 36 * MIB, 36 * MIB]
    assert audience.look_at < 36 * MIB, "it is looked at before the program has to wait"


def test_the_limit_is_lifted_once_nobody_reads_in_earnest_or_the_program_is_to_end(
    audience: Audience, told: list[Limit | None], reads: Callable[[int, float], Viewer]
) -> None:
    reads(8, 10.0)
    audience.pace(10.0, running=True)
    audience.pace(10.1, running=False)
    audience.pace(10.2, running=True)
    audience.pace(60.0, running=True)

    assert offsets(told) == [32 * MIB, None, 32 * MIB, None]


def test_who_was_cut_off_is_waited_for(
    audience: Audience, told: list[Limit | None], reads: Callable[[int, float], Viewer]
) -> None:
    viewer = reads(8, 10.0)

    audience.remove(viewer, 10.0, cut_off=True)
    audience.pace(10.0, running=True)
    audience.pace(10.0 + CUT_OFF_SECONDS, running=True)

    assert told == [counted(kept_for(8 * MIB, CAPACITY), 1), None]


def test_who_left_with_a_close_or_read_slowly_is_not(
    audience: Audience, told: list[Limit | None], reads: Callable[[int, float], Viewer]
) -> None:
    audience.remove(reads(8, 10.0), 10.0, cut_off=False)
    audience.remove(reads(0, 10.0), 10.0, cut_off=True)
    audience.pace(10.0, running=True)

    assert told == []


def test_a_new_worker_waits_for_all_and_a_new_host_is_told_again(audience: Audience, told: list[Limit | None]) -> None:
    audience.miss_all(100, None, 10.0)
    audience.pace(10.0, running=True)
    audience.pace_anew(10.1, running=True)

    assert told == [kept_for_all(100)] * 2


def test_the_program_goes_on_once_all_viewers_of_a_dead_worker_are_back(
    audience: Audience, told: list[Limit | None], reads: Callable[[int, float], Viewer]
) -> None:
    audience.miss_all(100, 2, 10.0)
    audience.pace(10.0, running=True)
    reads(0, 11.2)
    audience.pace(10.3, running=True)
    reads(0, 11.3)
    audience.pace(10.4, running=True)

    assert told == [counted(kept_for_all(100), 2), None]


def test_and_is_not_held_for_a_worker_that_had_none(audience: Audience, told: list[Limit | None]) -> None:
    audience.miss_all(100, 0, 10.0)
    audience.pace(10.0, running=True)

    assert told == []


def test_a_viewer_more_is_told_so_that_a_next_worker_knows(
    audience: Audience, told: list[Limit | None], reads: Callable[[int, float], Viewer]
) -> None:
    reads(8, 10.0)
    audience.pace(10.0, running=True)
    reads(8, 10.0)
    audience.pace(10.0, running=True)

    assert [limit and limit.viewers for limit in told] == [1, 2]
