"""A service tells where it is as long as it lives, whatever the directory does."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from structlog.testing import capture_logs

from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_serving import presence

pytestmark = pytest.mark.asyncio


class Directory:
    """Hears beats; `answers` are what becomes of them, one after the other."""

    def __init__(self, *answers: Exception | None) -> None:
        self.heard: list[Mapping[str, str]] = []
        self._answers = list(answers)

    async def beat(self, facts: Mapping[str, str]) -> None:
        self._answer()
        self.heard.append(facts)

    async def leave(self) -> None:
        self._answer()
        self.heard.append({})

    def _answer(self) -> None:
        answer = self._answers.pop(0)
        if answer is not None:
            raise answer


class Over(Exception):
    """Enough beats."""


async def beats(directory: Directory, count: int) -> list[str]:
    """Beat so often; what was logged."""
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        if len(paused) == count:
            raise Over

    with capture_logs() as told, pytest.raises(Over):
        await presence.beat_forever(directory, lambda: {"beat": str(len(paused))}, pause)
    assert paused == [presence.BEAT_SECONDS] * count
    return [line["event"] for line in told]


async def test_a_directory_that_is_away_is_told_of_once_each_time() -> None:
    away = DirectoryUnavailable("away")
    directory = Directory(away, away, None, away, None)
    told = await beats(directory, 5)
    assert told == ["the directory is away; gateways may not find this service"] * 2
    assert directory.heard == [{"beat": "2"}, {"beat": "4"}]


async def test_a_beat_that_fails_ends_nothing() -> None:
    directory = Directory(ValueError("a fault of ours"), None)
    assert await beats(directory, 2) == ["the heartbeat failed"]
    assert directory.heard == [{"beat": "1"}]


async def test_who_leaves_says_goodbye_if_somebody_hears_it() -> None:
    await presence.leave(Directory(DirectoryUnavailable("away")))
    directory = Directory(None)
    await presence.leave(directory)
    assert directory.heard == [{}]
