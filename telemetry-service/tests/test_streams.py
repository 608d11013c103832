"""Log and notification streams: replay, live, resume, filters, resets that are said."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from telemetry_world import TOKEN, World, running, texts, upcoming
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gestalt_contracts.channels import Stream
from gestalt_contracts.events import Event, now
from gestalt_telemetry.live import Dropped, Feed
from gestalt_telemetry.store.port import Line

pytestmark = pytest.mark.asyncio(loop_scope="module")
BOTH = pytest.mark.parametrize("engine", ["segments", "clickhouse"])
REPLAYED = {"key": "gestalt.replay_window", "value": {"stringValue": "1h"}}


def socket(world: World, path: str) -> connect:
    url = world.url.replace("http", "ws")
    return connect(f"{url}{path}", additional_headers={"Authorization": f"Bearer {TOKEN}"}, proxy=None)


async def record(connection: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(5):
        found: dict[str, Any] = json.loads(await connection.recv())
    return found


async def test_a_socket_with_a_level_that_is_none_is_told_so_and_is_no_failed_authentication(shared: World) -> None:
    async with socket(shared, "/ws/logs?level=bogus") as connection:
        told = await record(connection)
        assert (told["type"], told["message"], told["code"]) == ("error", "invalid level", "invalid_request")
        assert (told["status"], told["close_code"]) == (400, 1002)
        with pytest.raises(ConnectionClosed):
            await record(connection)
        assert (connection.close_code, connection.close_reason) == (1002, "invalid level")


@BOTH
async def test_what_was_there_is_marked_and_joins_what_comes(world: World) -> None:
    await world.logs("old one", "old two")
    async with world.events("/api/logs/stream") as events:
        first = await upcoming(events, 2)
        await world.logs("new")
        (last,) = await upcoming(events)
    assert texts([*first, last]) == ["old one", "old two", "new"]
    assert [REPLAYED in one["attributes"] for one in (*first, last)] == [True, True, False]


@BOTH
async def test_a_socket_carries_the_same_and_changes_its_filter(world: World) -> None:
    await world.logs("old debug", severity=5)
    async with socket(world, "/ws/logs?level=warning") as connection:
        await world.logs("info", severity=9)
        await world.logs("warned", severity=13)
        assert texts([await record(connection)]) == ["warned"]
        await connection.send(json.dumps({"level": "nonsense"}))
        assert (await record(connection))["message"] == "invalid level"
        await connection.send(b"\x00")
        await connection.send("no json")
        await connection.send(json.dumps({"level": "", "session_id": "Coder 1"}))
        await world.send("logs", b"")
        await asyncio.wait_for(connection.ping(), 5)
        await world.logs("other", attributes={"session.id": "Coder 2"})
        await world.logs("mine", severity=5, attributes={"session.id": "Coder 1"})
        assert texts([await record(connection)]) == ["mine"]


@BOTH
async def test_filters_of_a_stream(world: World) -> None:
    async with world.events("/api/logs/stream?session_id=Coder 1&query=NEEDLE&level=info") as events:
        await world.logs("needle", attributes={"session.id": "Coder 2"})
        await world.logs("needle", severity=5, attributes={"session.id": "Coder 1"})
        await world.logs("hay", attributes={"session.id": "Coder 1"})
        await world.logs("a needle", attributes={"session.id": "Coder 1"})
        assert texts(await upcoming(events)) == ["a needle"]


async def test_a_client_that_comes_back_gets_each_record_once(world: World) -> None:
    """A hundred disconnects at random moments of a busy log."""
    chance = random.Random(5)  # noqa: S311 - no secret

    async def write() -> None:
        for number in range(0, 3_000, 10):
            await world.logs(*(f"{one}" for one in range(number, number + 10)))

    seen: list[str] = []
    last = "0"
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        while len(seen) < 3_000:
            async with asyncio.timeout(20), world.events("/api/logs/stream", **{"last-event-id": last}) as events:
                for found in await upcoming(events, min(chance.randrange(1, 60), 3_000 - len(seen))):
                    assert found.get("type") != "reset"
                    seen.append(found["body"]["stringValue"])
                    last = found["id"]
    assert seen == [str(number) for number in range(3_000)]


@BOTH
@pytest.mark.parametrize(("given", "reason"), [("999999", "lost"), ("nonsense", "malformed"), ("-1", "malformed")])
async def test_an_id_that_is_not_covered_is_told_before_everything_kept(world: World, given: str, reason: str) -> None:
    await world.logs("kept")
    async with world.events("/api/logs/stream?level=error", **{"last-event-id": given}) as events:
        await world.logs("bad", severity=17)
        reset, found = await upcoming(events, 2)
    assert reset == {"type": "reset", "reason": reason, "oldest": "1"}
    assert texts([found]) == ["bad"]


async def test_an_id_that_was_dropped_is_told(tmp_path: Path) -> None:
    async with running(tmp_path, telemetry_segment_records=100, telemetry_size=1 << 20) as world:
        for number in range(80):
            await world.logs(*("x" * 400 + f" {number} {place}" for place in range(50)))
        async with asyncio.timeout(20):
            while await world.bodies(before=2):
                await world.logs("y")
                await asyncio.sleep(0.05)
        async with world.events("/api/logs/stream", **{"last-event-id": "1"}) as events:
            (reset,) = await upcoming(events)
            (found,) = await upcoming(events)
            if found.get("type") == "reset":  # a segment more has gone between the two words
                reset, (found,) = found, await upcoming(events)
    assert (reset["type"], reset["reason"]) == ("reset", "trimmed")
    assert found["id"] == reset["oldest"]
    assert int(found["id"]) > 100


def line_of(number: int) -> Line:
    return Line(number, 9, "", "", b"{}", "")


class Trimmed:
    """A store whose next records have gone, and where ids were left free before the last."""

    last_log = 31

    async def lines_after(self, after: int) -> list[Line]:
        return [line for line in (line_of(20), line_of(21), line_of(31)) if line.id > after]

    async def oldest_log(self) -> int:
        return 20


async def test_what_was_dropped_before_a_slow_listener_is_told_and_free_ids_are_not() -> None:
    feed = Feed(Trimmed())  # type: ignore[arg-type]
    feed._begin_at(Trimmed.last_log)
    pages = feed.lines(10)
    assert await anext(pages) == Dropped(20)
    page = await anext(pages)
    assert isinstance(page, list)
    assert [line.id for line in page] == [20, 21, 31]
    await pages.aclose()  # type: ignore[attr-defined]
    later = feed.lines(21)
    assert not isinstance(await anext(later), Dropped)
    await later.aclose()  # type: ignore[attr-defined]


async def test_a_stop_ends_streams_with_a_reason(tmp_path: Path) -> None:
    async with running(tmp_path) as world:
        connection = await socket(world, "/ws/logs")
        world.telemetry.stopping.set()
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(connection.recv(), 3)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "server stopping")


async def test_a_notification_is_one_message_and_a_log_is_none(world: World) -> None:
    async with world.events("/api/notifications/stream") as events:
        await world.logs("forged", attributes={"gestalt.category": "notification", "notify.type": "toast"})
        data = {"notify.type": "toast", "notify.level": "warning", "message": "Build done", "notify.event_id": "e1"}
        event = Event(type="toast", topic="notify", occurred_at=now(), session_id="Coder 1", data=data)
        id_ = await world.bus.publish(Stream.NOTIFICATIONS, event)
        (found,) = await upcoming(events)
    assert found.pop("timestamp").endswith("Z")
    assert found == {
        "type": "toast", "level": "warning", "message": "Build done", "id": id_, "session_id": "Coder 1",
        "event_id": "e1",
    }  # fmt: skip
    plain = Event(type="plan-update", topic="notify", occurred_at=now(), data={"level": "odd"})
    await world.bus.publish(Stream.NOTIFICATIONS, plain)
    async with world.events("/api/notifications/stream", **{"last-event-id": str(id_)}) as events:
        (found,) = await upcoming(events)
    assert (found["type"], found["level"], found["message"]) == ("plan-update", "info", "notification")


async def test_without_a_bus_no_notification_stream_starts(world: World) -> None:
    world.bus.away = True
    answer = await world.client.get("/api/notifications/stream")
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
