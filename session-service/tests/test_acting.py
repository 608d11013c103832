"""Sizes, signals, bells, labels, and what people sent before (contract §3)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from session_world import ECHO, QUIET, Running, World, of
from waiting import eventually

from gestalt_contracts import events
from gestalt_contracts.bus import OLDEST, Entry, Reset, Subscription
from gestalt_contracts.channels import Stream

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def told(world: World, uid: str, kind: str) -> list[events.Event]:
    """The events of a session of one type that the bus holds, by now."""
    async with world.bus.subscribe(Stream.EVENTS, OLDEST) as subscription:
        kept = [item.event async for item in already_there(subscription) if isinstance(item, Entry)]
    return [event for event in kept if (event.session_uid, event.type) == (uid, kind)]


async def already_there(subscription: Subscription) -> AsyncIterator[Entry | Reset]:
    """What a subscription yields without waiting."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            async for item in subscription:
                yield item


async def post(worker: Running, ref: str, action: str, body: dict[str, Any] | None = None) -> None:
    """A request that is answered 204 with nothing."""
    answer = await worker.http.post(of(ref, action), json=body)
    assert (answer.status_code, answer.content) == (204, b""), answer.text
    assert "content-type" not in answer.headers


# -- sizes


async def test_a_resize_reaches_the_program_and_is_told_once(worker: Running) -> None:
    script = "trap 'stty size' WINCH; stty size; while :; do sleep 0.02; done"
    made = await worker.create(["sh", "-c", script])
    await worker.shows(made["uid"], "24 80")
    await post(worker, made["uid"], "resize", {"cols": 132, "rows": 43})
    await post(worker, made["id"], "resize", {"cols": 132, "rows": 43})
    await worker.shows(made["uid"], "43 132")
    summary = await worker.session(made["uid"])
    assert (summary["cols"], summary["rows"]) == (132, 43)

    async def heard() -> list[dict[str, Any]]:
        return [event.data for event in await told(worker.world, made["uid"], "terminal-resized")]

    await eventually(heard)
    assert await heard() == [{"cols": 132, "rows": 43}]


async def test_a_size_set_by_rest_is_not_undone_by_one_that_waited(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], "control=1") as viewer:
        await viewer.hears("ready")
        await viewer.resize(100, 30)
        await viewer.resize(101, 31)
        await viewer.hears("resize")
        await post(worker, made["uid"], "resize", {"cols": 90, "rows": 20})
        await viewer.resize(102, 32)
        await eventually(lambda: viewer.told("resize")[-1]["cols"] == 102)
        sizes = [word["cols"] for word in viewer.told("resize")]
        assert sizes in ([100, 90, 102], [100, 101, 90, 102])


# -- signals


def catching(name: str) -> list[str]:
    """A shell with a job in the background and one in front, each in a group of its own; they say what they caught."""
    job = "trap 'echo caught-{0}' {1}; echo {0}; while :; do sleep 0.02; done"
    back, front = job.format("back", name), job.format("front", name)
    return ["bash", "-c", f'trap : {name}; set -m; bash -c "$0" & bash -c "$1"', back, front]


@pytest.mark.parametrize("name", ["INT", "SIGINT", "QUIT"])
async def test_job_control_signals_go_to_the_foreground_alone(worker: Running, name: str) -> None:
    made = await worker.create(catching(name.removeprefix("SIG")))
    await worker.shows(made["uid"], "back")
    await worker.shows(made["uid"], "front")
    await post(worker, made["uid"], "signal", {"signal": name})
    await worker.shows(made["uid"], "caught-front")
    assert "caught-back" not in await worker.lines(made["uid"])


async def test_other_signals_go_to_every_group(worker: Running) -> None:
    made = await worker.create(catching("USR1"))
    await worker.shows(made["uid"], "back")
    await worker.shows(made["uid"], "front")
    await post(worker, made["uid"], "signal", {"signal": "USR1"})
    await worker.shows(made["uid"], "caught-front")
    await worker.shows(made["uid"], "caught-back")


@pytest.mark.parametrize(("name", "code"), [("TERM", -15), ("HUP", -1), ("SIGKILL", -9)])
async def test_a_signal_that_ends_the_program_is_its_exit_code(worker: Running, name: str, code: int) -> None:
    made = await worker.create(QUIET)
    await post(worker, made["uid"], "signal", {"signal": name})
    assert (await worker.closed(made["uid"]))["exit_code"] == code
    (event,) = await eventually(lambda: told(worker.world, made["uid"], "terminal_closed"))
    assert event.data == {"exit_code": code}


# -- bells and activity


async def test_a_bell_in_the_output_is_told_at_most_once_a_second(worker: Running) -> None:
    made = await worker.create(["sh", "-c", "printf '\\a'; printf '\\a\\a'; printf '\\033]0;title\\a'; sleep 600"])
    await eventually(lambda: told(worker.world, made["uid"], "terminal_bell"))
    await eventually(lambda: worker.service.held(made["uid"])._dialogue.cursor == 13)
    assert len(await told(worker.world, made["uid"], "terminal_bell")) == 1


async def test_the_end_of_a_title_is_no_bell(worker: Running) -> None:
    made = await worker.create(["sh", "-c", "printf '\\033]0;title\\a'; sleep 600"])
    await eventually(lambda: worker.service.held(made["uid"])._dialogue.cursor == 10)
    assert not await told(worker.world, made["uid"], "terminal_bell")


async def test_a_bell_by_rest_is_told_each_time_whatever_the_body(worker: Running) -> None:
    made = await worker.create(QUIET)
    for body in (b"", b"{}", b"not json"):
        assert (await worker.http.post(of(made["id"], "bell"), content=body)).status_code == 204

    async def three() -> bool:
        return len(await told(worker.world, made["uid"], "terminal_bell")) == 3

    await eventually(three)


async def test_a_session_that_writes_is_active_once(worker: Running) -> None:
    made = await worker.create(ECHO)
    await worker.shows(made["uid"], "ready")
    await worker.type(made["uid"], b"more")
    await worker.shows(made["uid"], "readymore")
    assert len(await eventually(lambda: told(worker.world, made["uid"], "terminal_active"))) == 1


async def test_a_session_that_falls_quiet_is_idle_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_session.terminal.session.IDLE_SECONDS", 0.1)
    worker = await world.start()
    made = await worker.create(ECHO)
    await eventually(lambda: told(world, made["uid"], "terminal_idle"))
    await worker.type(made["uid"], b"more")

    async def active_again() -> bool:
        return len(await told(world, made["uid"], "terminal_active")) == 2

    await eventually(active_again)


# -- labels and titles


async def test_patch_replaces_what_is_given_whole_and_keeps_the_rest(worker: Running) -> None:
    made = await worker.create(QUIET, title="first", labels={"a": "1", "b": "2"})
    for body, title, labels in (
        ({"labels": {"c": "3"}}, "first", {"c": "3"}),
        ({"title": " new/title "}, "newtitle", {"c": "3"}),
        ({"title": "//"}, "newtitle", {"c": "3"}),
        ({"labels": {}}, "newtitle", {}),
        ({}, "newtitle", {}),
    ):
        answer = await worker.http.patch(of(made["id"]), json=body)
        assert answer.status_code == 200
        summary = answer.json()
        assert (summary["title"], summary["labels"], summary["id"]) == (title, labels, made["id"])
    assert set(await worker.session(made["id"])) == set(summary)


async def test_many_patches_at_once_all_hold(worker: Running) -> None:
    made = await worker.create(QUIET)
    answers = await asyncio.gather(
        *(worker.http.patch(of(made["uid"]), json={"labels": {"n": str(number)}}) for number in range(20))
    )
    assert {answer.status_code for answer in answers} == {200}


async def test_a_closed_session_can_be_relabelled(worker: Running) -> None:
    made = await worker.create(["true"])
    await worker.closed(made["uid"])
    assert (await worker.http.patch(of(made["uid"]), json={"labels": {"k": "v"}})).json()["labels"] == {"k": "v"}


# -- what people sent


async def test_commands_are_kept_trimmed_and_listed_oldest_first(worker: Running) -> None:
    made = await worker.create(QUIET)
    path = of(made["uid"], "input-history")
    assert await worker.get(path) == []
    for command in ("  ls -l \n", "é\tmake", "two\nlines"):
        await post(worker, made["id"], "input-history", {"command": command})
    entries = await worker.get(path)
    assert [entry["command"] for entry in entries] == ["ls -l", "é\tmake", "two\nlines"]
    assert all(set(entry) == {"command", "timestamp"} for entry in entries)
    times = [datetime.fromisoformat(entry["timestamp"]) for entry in entries]
    assert times == sorted(times)
    assert [entry["command"] for entry in await worker.get(path, limit="+2")] == ["é\tmake", "two\nlines"]
    assert await worker.get(path, since=entries[1]["timestamp"]) == entries[1:]
    assert await worker.get(path, since=entries[1]["timestamp"], limit=1) == entries[2:]
    assert await worker.get(path, since="2026-01-01T00:00:00+02:00", limit="") == entries
    assert await worker.get(path, since="2999-01-01T00:00:00Z") == []


async def test_commands_sent_at_once_are_all_kept(worker: Running) -> None:
    made = await worker.create(QUIET)
    await asyncio.gather(*(post(worker, made["uid"], "input-history", {"command": str(n)}) for n in range(30)))
    entries = await worker.get(of(made["uid"], "input-history"))
    assert sorted(int(entry["command"]) for entry in entries) == list(range(30))
