"""What a terminal shows: the route, and viewers that begin with a snapshot (contract §3, Screen)."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from session_world import ECHO, QUIET, Running, World, kill, of, refused
from waiting import eventually

from gestalt_session.screen.process import MOST_OWED

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]
PICTURE = r"printf '\033]2;the title\007\033[2J\033[3;5Hhello \033[31mred\033[m\033[?2004h'; exec sleep 600"
FLOOD = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; done; printf 'at the end'; exec sleep 600"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seeing(shared: World) -> AsyncIterator[Running]:
    """A worker with a screen process."""
    yield await shared.start(screens=True)


async def screen(worker: Running, ref: str, wanted: str) -> dict[str, Any]:
    """The screen, once it shows a text."""

    async def shown() -> dict[str, Any] | None:
        found: dict[str, Any] = await worker.get(of(ref, "screen"))
        return found if any(wanted in line for line in found["lines"]) else None

    return dict(await eventually(shown))


# -- refusals


async def test_an_unknown_format_is_400_before_the_session_is_looked_up(seeing: Running) -> None:
    answer = await seeing.http.get(of("nope 1", "screen"), params={"format": "png"})
    refused(answer, 400, "format must be ansi, not 'png'")


async def test_an_unknown_session_is_404(seeing: Running) -> None:
    refused(await seeing.http.get(of("nope 1", "screen")), 404, "terminal not found")


async def test_without_screens_it_is_503_and_a_viewer_gets_the_last_output(world: World) -> None:
    worker = await world.start()
    made = await worker.create("printf 'first\nlast'; exec sleep 600")
    await worker.shows(made["id"], "last")
    refused(
        await worker.http.get(of(made["id"], "screen")),
        503,
        "the screen cannot be told: terminals have no screens here",
    )
    async with worker.view(made["id"], "snapshot=1") as viewer:
        await viewer.shows(b"first\r\nlast")
        assert viewer.words[0]["type"] == "ready"
        assert not viewer.told("snapshot")


# -- the route


async def test_it_tells_text_cursor_title_and_modes(seeing: Running) -> None:
    made = await seeing.create(PICTURE)
    shown = await screen(seeing, made["id"], "hello red")
    assert list(shown) == ["id", "cursor", "cols", "rows", "row", "col", "title", "cwd", "modes", "lines"]
    assert shown["lines"] == ["", "", "    hello red", *[""] * 21]
    assert (shown["row"], shown["col"], shown["cols"], shown["rows"]) == (2, 13, 80, 24)
    assert (shown["title"], shown["modes"], shown["cwd"]) == ("the title", ["bracketed_paste"], made["cwd"])
    assert shown["cursor"] == (await seeing.session(made["id"]))["output_bytes"]


async def test_as_ansi_it_redraws_the_screen(seeing: Running) -> None:
    made = await seeing.create(PICTURE)
    await screen(seeing, made["id"], "hello red")
    answer = await seeing.http.get(of(made["id"], "screen"), params={"format": "ansi"})
    assert answer.headers["content-type"] == "application/octet-stream"
    assert b"\x1b]2;the title\x1b\\" in answer.content
    assert b"\x1b[0;31mred" in answer.content
    assert b"\x1b[?2004h" in answer.content


async def test_a_resize_holds_in_the_screen(seeing: Running) -> None:
    made = await seeing.create(ECHO)
    await screen(seeing, made["id"], "ready")
    assert (await seeing.http.post(of(made["id"], "resize"), json={"cols": 40, "rows": 10})).status_code == 204
    shown = await screen(seeing, made["id"], "ready")
    assert (shown["cols"], shown["rows"], len(shown["lines"])) == (40, 10, 10)


# -- viewers


async def test_a_viewer_begins_with_ready_and_a_snapshot_then_follows(seeing: Running) -> None:
    made = await seeing.create(ECHO)
    await screen(seeing, made["id"], "ready")
    async with seeing.view(made["id"], "snapshot=1") as viewer:
        await viewer.shows(b"ready")
        assert [word["type"] for word in viewer.words] == ["ready", "leader", "snapshot"]
        told = viewer.told("snapshot")[0]
        assert told == {"type": "snapshot", "cursor": 5, "cols": 80, "rows": 24}
        assert viewer.told("ready")[0]["cursor"] == 5
        await viewer.send(b"typed")
        await viewer.shows(b"typed")


async def test_a_long_history_is_one_small_snapshot(seeing: Running) -> None:
    made = await seeing.create(FLOOD)
    await screen(seeing, made["id"], "at the end")
    async with seeing.view(made["id"], "snapshot=1") as viewer:
        await viewer.shows(b"at the end")
        assert b"line 1999\r\n" in viewer.data
        assert b"line 900\r\n" not in viewer.data  # a thousand lines of scrollback
        assert len(viewer.data) < 64 * 1024


async def test_a_closed_session_shows_its_last_screen_and_then_says_goodbye(seeing: Running) -> None:
    made = await seeing.create("printf goodbye")
    await seeing.closed(made["id"])
    async with seeing.view(made["id"], "snapshot=1") as viewer:
        assert await viewer.closed() == (1000, "session closed")
        assert b"goodbye" in viewer.data
        assert [word["type"] for word in viewer.words] == ["ready", "leader", "snapshot", "exit"]


async def test_who_acknowledges_is_not_sent_more_than_the_window_beyond(seeing: Running) -> None:
    made = await seeing.create("head -c 3000000 /dev/zero; exec sleep 600")
    await eventually(lambda: _written(seeing, made["id"], 3_000_000))
    async with seeing.view(made["id"], "control=1") as viewer:
        await viewer.hears("ready")
        await viewer.send(json.dumps({"type": "ack", "cursor": 0}))
        assert not viewer.data
    async with seeing.view(made["id"], "control=1&cursor=0&readonly=1", reads=False) as viewer:
        await viewer.send(json.dumps({"type": "ack", "cursor": 0}))
        got = 0
        while got < 3_000_000:
            frame = await asyncio.wait_for(viewer.connection.recv(), 10)
            got += len(frame) if isinstance(frame, bytes) else 0
            await viewer.send(json.dumps({"type": "ack", "cursor": got}))


async def _written(worker: Running, ref: str, count: int) -> bool:
    return bool((await worker.session(ref))["output_bytes"] >= count)


# -- its death


async def test_the_screen_process_is_started_again_and_knows_the_screen(seeing: Running) -> None:
    made = await seeing.create(PICTURE)
    await screen(seeing, made["id"], "hello red")
    for _ in range(3):
        pid = seeing.service.screens.pid
        assert pid is not None
        kill(pid)
        await eventually(lambda pid=pid: seeing.service.screens.pid not in {None, pid})
        assert (await screen_again(seeing, made["id"]))["title"] == "the title"


@pytest.mark.slow
@pytest.mark.timeout(240)  # between deaths in a row the worker waits up to five seconds
async def test_twenty_deaths_in_mid_flood_cost_no_viewer_a_byte(seeing: Running) -> None:
    count = 600_000
    made = await seeing.create(f"seq {count}; printf 'at the end'; exec sleep 600")
    whole = b"".join(b"%d\r\n" % number for number in range(1, count + 1)) + b"at the end"
    async with seeing.view(made["id"], "cursor=0") as viewer:
        for _ in range(20):
            pid = seeing.service.screens.pid
            if pid is not None:
                kill(pid)
            await eventually(lambda pid=pid: seeing.service.screens.pid not in {None, pid}, within=10)
        await eventually(lambda: len(viewer.data) >= len(whole), within=40)
        assert bytes(viewer.data) == whole
    shown = await eventually(lambda: _at_the_end(seeing, made["id"]), within=30)
    assert shown["lines"][-1] == "at the end"


async def _at_the_end(worker: Running, ref: str) -> dict[str, Any] | None:
    answer = await worker.http.get(of(ref, "screen"))
    found: dict[str, Any] = answer.json()
    return found if answer.status_code == 200 and "at the end" in found["lines"] else None


async def screen_again(worker: Running, ref: str) -> dict[str, Any]:
    """The screen, from a process that may just have died."""

    async def told() -> dict[str, Any] | None:
        answer = await worker.http.get(of(ref, "screen"))
        return answer.json() if answer.status_code == 200 else None

    return dict(await eventually(told))


async def test_a_hostile_program_does_not_keep_the_screens_of_others(seeing: Running) -> None:
    hostile = await seeing.create(r"while :; do printf '\033[2147483647S\033[9999999b\033]0;'; done")
    quiet = await seeing.create(PICTURE)
    await screen(seeing, quiet["id"], "hello red")
    assert (await seeing.http.delete(of(hostile["id"]))).status_code == 204


HOSTILE = {
    "endless titles": r"printf '\033]0;'; head -c 40000000 /dev/zero | tr '\000' x; printf '\007'",
    "titles": "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); printf '\\033]0;%03000d\\007' $i; done",
    "long lines": "head -c 5000000 /dev/zero | tr '\\000' w",
    "no text": "head -c 5000000 /dev/urandom",
    "two screens": "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); printf '\\033[?1049h\\033[2Jx\\033[?1049l'; done",
    "links": "i=0; while [ $i -lt 40000 ]; do i=$((i+1)); printf '\\r\\033]8;;http://x/%d\\033\\\\l' $i; done",
    "marks": "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); printf '\\314\\201'; done",
    "pages": r"i=0; while [ $i -lt 20000 ]; do i=$((i+1)); printf '\033[9999S\033[9999T\033[9999L\033[9999P'; done",
}
MOST_MEMORY = 300_000_000


@pytest.mark.parametrize("what", HOSTILE)
async def test_hostile_output_costs_little_and_others_see_their_screens(seeing: Running, what: str) -> None:
    quiet = await seeing.create(PICTURE)
    await screen(seeing, quiet["id"], "hello red")
    made = await seeing.create(f"{HOSTILE[what]}; printf '\\033c\\nthe end'; exec sleep 600")
    longest, begun = 0.0, time.monotonic()
    while not any("the end" in line for line in await lines_of(seeing, made["uid"])):
        assert time.monotonic() - begun < 60
        asked = time.monotonic()
        assert (await seeing.get(of(quiet["uid"], "screen")))["lines"][2].strip() == "hello red"
        longest = max(longest, time.monotonic() - asked)
    assert longest < 1.0
    assert memory_of(seeing.service.screens.pid) < MOST_MEMORY
    assert (await seeing.session(made["uid"]))["journal_holes"] == 0


async def lines_of(worker: Running, ref: str) -> list[str]:
    """What a terminal shows, if that can be told."""
    answer = await worker.http.get(of(ref, "screen"))
    return list(answer.json()["lines"]) if answer.status_code == 200 else []


def memory_of(pid: int | None) -> int:
    """Bytes that a process holds now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def test_many_sizes_in_a_row_end_with_the_last(seeing: Running) -> None:
    made = await seeing.create(ECHO)
    await screen(seeing, made["id"], "ready")
    async with seeing.view(made["id"], "control=1") as viewer:
        for step in range(400):
            await viewer.resize(20 + step % 300, 5 + step % 90)
            await viewer.send(b"x")
        await viewer.resize(70, 20)
    await eventually(lambda: shown_at(seeing, made["uid"], 70, 20))
    assert memory_of(seeing.service.screens.pid) < MOST_MEMORY


async def shown_at(worker: Running, ref: str, cols: int, rows: int) -> bool:
    """Whether the screen has that size."""
    shown = await worker.get(of(ref, "screen"))
    return (shown["cols"], shown["rows"]) == (cols, rows)


async def test_sessions_that_are_deleted_are_forgotten(seeing: Running) -> None:
    made = await seeing.create(QUIET)
    assert (await seeing.http.delete(of(made["id"]))).status_code == 204
    refused(await seeing.http.get(of(made["id"], "screen")), 404, "terminal not found")


async def test_a_program_that_says_nothing_has_no_terminal_there(
    seeing: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(seeing.service.screens, "written", lambda uid, _: told.append(uid))
    silent, loud = await seeing.create(["sleep", "600"]), await seeing.create(["sh", "-c", "echo; sleep 600"])
    await eventually(lambda: loud["uid"] in told)
    assert silent["uid"] not in told
    monkeypatch.undo()
    assert (await seeing.get(of(silent["uid"], "screen")))["cursor"] == 0


async def test_a_screen_process_that_does_not_read_is_owed_little(seeing: Running) -> None:
    screens = seeing.service.screens
    assert screens.pid is not None
    await seeing.create(PICTURE)
    os.kill(screens.pid, signal.SIGSTOP)
    try:
        for end in range(1, 50_000):
            screens.written("uid-of-a-flood", end)
            screens._tell()
        assert screens._link is not None
        assert screens._link.transport.get_write_buffer_size() < 2 * MOST_OWED
        assert screens._written == {"uid-of-a-flood": 49_999}
    finally:
        screens._written.clear()
        kill(screens.pid)
