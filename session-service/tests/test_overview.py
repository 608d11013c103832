"""The list of all sessions: ours exact, others' as the directory knows them, in order of creation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from gestalt_contracts.directory import WorkerRecord
from gestalt_contracts.directory_memory import InMemoryDirectory
from gestalt_session.overview import Overview
from gestalt_session.service import SessionService


def record(name: str) -> WorkerRecord:
    return WorkerRecord(id=name, address="x", pid=1, host="h", capacity=1, version="1", started_at=1.0)


def overview(directory: InMemoryDirectory) -> Overview:
    """That of a worker without sessions."""
    nobody: Any = SimpleNamespace(listed=list, membership=SimpleNamespace(record=record("me")))
    return Overview(cast("SessionService", nobody), directory)


async def test_a_session_noted_as_ours_that_is_not_here_is_not_shown() -> None:
    directory = InMemoryDirectory()
    await directory.claim(await directory.register(record("me"), floor=0), "u", "a", only=False, created_at=1.0)
    assert await overview(directory).sessions() == []


async def test_the_order_is_that_of_times_not_of_their_texts() -> None:
    directory = InMemoryDirectory()
    other = await directory.register(record("other"), floor=0)
    for uid, created_at in {"d": 100.1234, "c": 100.123, "b": 100.12, "a": 100.0}.items():
        await directory.claim(other, uid, "s", only=False, created_at=created_at)
    listed = await overview(directory).sessions()
    assert [summary["uid"] for summary in listed] == ["a", "b", "c", "d"]
    texts = [summary["created_at"] for summary in listed]
    assert texts != sorted(texts), "texts lose their last zeros"


async def test_without_redis_the_last_copy_answers() -> None:
    directory = InMemoryDirectory()
    await directory.claim(await directory.register(record("other"), floor=0), "u", "a", only=False, created_at=1.0)
    shown = overview(directory)
    before = await shown.sessions()
    directory.away = True
    assert await shown.sessions() == before
