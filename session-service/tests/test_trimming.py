"""A session that writes more than its journal keeps: what is gone is said, what is there is exact (contract §3)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from session_world import Running, World, of, socket_of
from viewing import by_hand
from waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAP = 1024 * 1024
SEGMENT = CAP // 16
LINES = 500_000
WRITTEN = b"".join(b"%d\n" % number for number in range(1, LINES + 1))
FLOOD = f"stty raw; seq 1 {LINES}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def small(shared: World) -> Running:
    """A worker whose journals are small."""
    return await shared.start(journal_size=CAP)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def flooded(small: Running) -> AsyncIterator[str]:
    """The uid of a session that has written WRITTEN and waits."""
    made = await small.create(["sh", "-c", f"{FLOOD}; exec sleep 600"])
    await eventually(lambda: small.service.held(made["uid"]).journal.end == len(WRITTEN))
    yield str(made["uid"])


async def test_the_journal_stays_within_its_cap(small: Running, flooded: str) -> None:
    journal = small.service.held(flooded).journal
    assert CAP // 2 <= journal.end - journal.base <= CAP + SEGMENT
    (folder,) = small.world.data.glob(f"slots/*/sessions/{flooded}/journal")
    assert sum(path.stat().st_size for path in folder.iterdir() if path.name.isdigit()) <= CAP + SEGMENT


@pytest.mark.parametrize("query", ["cursor=0", "cursor=5000"])
async def test_who_asks_for_what_is_gone_is_told_and_gets_the_rest(small: Running, flooded: str, query: str) -> None:
    async with small.view(flooded, f"control=1&{query}") as viewer:
        reset = await viewer.hears("reset")
        await eventually(lambda: len(viewer.data) == len(WRITTEN) - reset["base"])
        assert viewer.data == WRITTEN[reset["base"] :]
        assert [word["type"] for word in viewer.words] == ["ready", "leader", "reset"]
        assert set(reset) == {"type", "base", "reason"}
        assert reset["reason"] == "trimmed"


async def test_a_long_tail_begins_with_what_is_kept_and_needs_no_reset(small: Running, flooded: str) -> None:
    async with small.view(flooded, f"control=1&tail={10 * CAP}") as viewer:
        start = (await viewer.hears("ready"))["cursor"]
        await eventually(lambda: len(viewer.data) == len(WRITTEN) - start)
        assert viewer.data == WRITTEN[start:]
        assert start > 0
        assert not viewer.told("reset")


async def test_pages_go_back_to_the_base_and_end_there(small: Running, flooded: str) -> None:
    base = small.service.held(flooded).journal.base
    lines: list[str] = []
    query: dict[str, int] = {}
    while True:
        page = await small.get(of(flooded, "history"), lines=20_000, **query)
        lines = page["lines"] + lines
        if page["next_before"] is None:
            break
        query = {"before_cursor": page["next_before"]}
    assert lines == WRITTEN[base:].decode().splitlines()
    for before in (0, 1, base):
        empty = await small.get(of(flooded, "history"), before_cursor=before)
        assert (empty["lines"], empty["next_before"]) == ([], None)


async def test_output_is_the_last_lines(shared: World, small: Running, flooded: str) -> None:
    answer = await small.get(of(flooded, "output"))
    assert set(answer) == {"id", "lines", "cursor"}
    assert answer["lines"] == [str(number) for number in range(LINES - 999, LINES + 1)]
    assert answer["cursor"] == len(WRITTEN)
    few = await shared.start(session_buffer_lines=3, session_scrollback_lines=5)
    made = await few.create("seq 1 9; sleep 600")
    await few.shows(made["uid"], "9")
    assert await few.lines(made["uid"]) == ["7", "8", "9"]
    page = await few.get(of(made["uid"], "history"), format="text")
    assert set(page) == {"id", "lines", "cursor", "next_before"}
    assert page["lines"] == ["5", "6", "7", "8", "9"]


async def test_a_recording_begins_where_the_journal_does(small: Running, flooded: str) -> None:
    base = small.service.held(flooded).journal.base
    answer = await small.http.get(of(flooded, "recording"))
    header, *events = [json.loads(line) for line in answer.text.splitlines()]
    assert header["version"] == 2
    assert "".join(event[2] for event in events if event[1] == "o") == WRITTEN[base:].decode()
    assert [event[0] for event in events] == sorted(event[0] for event in events)


async def test_who_keeps_up_misses_nothing_though_the_journal_is_small(small: Running) -> None:
    made = await small.create(["sh", "-c", f"stty raw -echo; printf ready; read line; {FLOOD}"])
    viewers = [small.view(made["uid"], "cursor=0&control=1") for _ in range(3)]
    async with viewers[0] as one, viewers[1] as two, viewers[2] as three:
        await asyncio.gather(*(viewer.shows(b"ready") for viewer in (one, two, three)))
        await one.send(b"\n")
        for viewer in (one, two, three):
            assert await viewer.closed() == (1000, "session closed")
            assert viewer.data == b"ready" + WRITTEN
            assert not viewer.told("reset")


async def test_who_does_not_read_is_told_what_it_missed_and_slows_nobody(small: Running) -> None:
    made = await small.create(
        ["sh", "-c", f"stty raw -echo; printf ready; read line; seq 1 {3 * LINES}; exec sleep 600"]
    )
    path = f"{socket_of(made['uid'])}?cursor=0&control=1"
    async with by_hand(small.port, path) as (reader, _), small.view(made["uid"], "cursor=0&control=1") as lively:
        await lively.shows(b"ready")
        await lively.send(b"\n")
        await eventually(lambda: lively.data.endswith(b"\n%d\n" % (3 * LINES)), within=15)
        assert not lively.told("reset")
        received = b""
        async with asyncio.timeout(10):
            while not received.endswith(b"\n%d\n" % (3 * LINES)):
                received += await reader.read(1 << 20)
        assert received.count(b'{"type":"reset","base":') == 1
        assert len(received) < len(lively.data)
