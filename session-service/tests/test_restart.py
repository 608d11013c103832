"""A worker that ends and comes back: programs, bytes, records (architecture §5, §9)."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import suppress

import pytest
from session_world import ECHO, QUIET, Running, World, alive, kill, of, refused
from waiting import eventually

from gestalt_contracts.bus import Entry, Subscription
from gestalt_contracts.channels import Stream
from gestalt_contracts.events import TERMINAL_CLOSED
from gestalt_contracts.idempotency import Owner, fingerprint_of, key_of
from gestalt_contracts.uids import new_uid
from gestalt_ptyhost.exits import write_exit

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def listed(worker: Running) -> list[str]:
    return [session["uid"] for session in await worker.get("/api/sessions")]


# -- the same programs, every byte


async def test_a_new_worker_takes_up_what_the_last_one_left(world: World) -> None:
    first = await world.start()
    made = await first.create(ECHO, title="left", labels={"a": "b"}, cols=100)
    await first.shows(made["uid"], "ready")
    await first.http.post(of(made["uid"], "resize"), json={"cols": 90, "rows": 30})
    await first.http.post(of(made["uid"], "input-history"), json={"command": "ls"})
    await first.http.patch(of(made["uid"]), json={"title": "kept"})
    before = await first.session(made["uid"])
    await first.stop()
    second = await world.start()
    after = await second.session(made["uid"])
    volatile = {"last_input_at", "last_output_at", "viewers"}
    assert {key: after[key] for key in set(after) - volatile} == {key: before[key] for key in set(before) - volatile}
    assert after["last_output_at"]
    assert [entry["command"] for entry in await second.get(of(made["id"], "input-history"))] == ["ls"]
    async with second.view(made["uid"], "cursor=0&control=1") as viewer:
        await viewer.shows(b"ready")
        await viewer.send(b"again")
        await viewer.shows(b"readyagain")
        assert viewer.words[0] == {"type": "ready", "cursor": 0, "cols": 90, "rows": 30, "readonly": False}
    assert (await second.http.delete(of(made["uid"]))).status_code == 204
    assert not alive(made["pid"])


async def test_a_viewer_that_comes_back_with_its_cursor_gets_every_byte_once(world: World) -> None:
    worker = await world.start()
    made = await worker.create("for n in $(seq 1 400); do seq 1 100; sleep 0.002; done; echo end")
    cursor, data = 0, b""
    for _ in range(3):
        async with worker.view(made["uid"], f"cursor={cursor}") as viewer:
            await eventually(lambda seen=viewer: seen.data)
            await worker.stop()
            await viewer.closed()
            data += viewer.data
            cursor += len(viewer.data)
        worker = await world.start()
    async with worker.view(made["uid"], f"cursor={cursor}") as viewer:
        assert await viewer.closed() == (1000, "session closed")
        data += viewer.data
    assert data.replace(b"\r", b"") == b"".join(b"%d\n" % number for number in range(1, 101)) * 400 + b"end\n"


async def test_what_ends_while_no_worker_is_there_has_its_exit_code(world: World) -> None:
    worker = await world.start()
    made = await worker.create(["sh", "-c", "read line; echo last; exit 7"])
    await worker.stop()
    worker = await world.start()
    await worker.type(made["uid"], b"\n")
    await worker.stop()
    worker = await world.start()
    summary = await worker.closed(made["uid"])
    assert (summary["exit_code"], summary["close_reason"]) == (7, None)
    assert (await worker.lines(made["uid"]))[-1] == "last"


async def ends_told(events: Subscription) -> list[tuple[str | None, object]]:
    """Which ends the bus was told of, until it has nothing more to say."""
    found = []
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(0.2):
                told = await anext(events)
            if isinstance(told, Entry) and told.event.type == TERMINAL_CLOSED:
                found.append((told.event.session_uid, told.event.data["exit_code"]))
    return found


async def test_an_end_is_told_once_whoever_sees_it(world: World) -> None:
    go = world.folder / "go"
    async with world.bus.subscribe(Stream.EVENTS) as events:
        worker = await world.start()
        seen = await worker.create(["true"])
        unseen = await worker.create(["sh", "-c", f"while [ ! -e {go} ]; do sleep 0.01; done; exit 7"])
        await worker.closed(seen["uid"])
        await worker.stop()
        go.touch()
        await eventually(next(world.data.glob(f"slots/*/sessions/{unseen['uid']}")).joinpath("exit.json").exists)
        for _ in range(2):
            worker = await world.start()
            await worker.closed(unseen["uid"])
            await worker.stop()
        assert await ends_told(events) == [(seen["uid"], 0), (unseen["uid"], 7)]


async def test_what_a_dead_host_noted_and_could_not_tell_is_told(world: World) -> None:
    go = world.folder / "go"
    worker = await world.start()
    made = await worker.create(["sh", "-c", f"while [ ! -e {go} ]; do sleep 0.01; done; exit 7"])
    folder = next(world.data.glob(f"slots/*/sessions/{made['uid']}"))
    (host,) = world.hosts()
    os.kill(host, signal.SIGSTOP)
    go.touch()
    await eventually(lambda: not alive(made["pid"]))
    write_exit(str(folder / "journal"), 7, 0)
    kill(host)
    assert (await worker.closed(made["uid"]))["exit_code"] == 7


async def test_closed_sessions_are_listed_by_the_next_worker_and_deleted_ones_are_not(world: World) -> None:
    worker = await world.start()
    closed, deleted = await worker.create(["true"]), await worker.create(["sh", "-c", "echo kept"])
    await worker.closed(closed["uid"])
    await worker.closed(deleted["uid"])
    await worker.http.delete(of(deleted["uid"]))
    await worker.stop()
    worker = await world.start()
    assert await listed(worker) == [closed["uid"]]
    assert (await worker.session(closed["uid"]))["exit_code"] == 0
    for ref in (deleted["uid"], deleted["id"]):
        assert (await worker.get(of(ref, "history"), format="text"))["lines"] == ["kept"]
    refused(await worker.http.get(of(deleted["uid"])), 404, "terminal not found")


async def test_what_a_program_asked_while_no_worker_was_there_is_answered_by_the_next(world: World) -> None:
    worker = await world.start()
    go = world.folder / "go"
    waits = f"stty raw -echo; printf ready; while [ ! -e {go} ]; do sleep 0.01; done; printf '\\033[6n'; exec cat -v"
    made = await worker.create(["sh", "-c", waits])
    await worker.shows(made["uid"], "ready")
    await worker.stop()
    go.touch()
    journal = next(world.data.glob(f"slots/*/sessions/{made['uid']}/journal/*[0-9]"))
    await eventually(lambda: journal.read_bytes().endswith(b"\x1b[6n"))
    worker = await world.start()
    await worker.shows(made["uid"], "ready^[[1;1R")
    await worker.stop()
    worker = await world.start()
    await worker.type(made["uid"], b"|")
    await eventually(lambda: journal.read_bytes().endswith(b"|"))
    assert journal.read_bytes() == b"ready\x1b[6n^[[1;1R|"


async def test_paste_mode_is_known_to_the_next_worker(world: World) -> None:
    worker = await world.start()
    made = await worker.create(["sh", "-c", "stty raw -echo; printf '\\033[?2004hready'; exec cat -v"])
    await worker.shows(made["uid"], "ready")
    await worker.stop()
    worker = await world.start()
    await worker.type(made["uid"], b"x", paste=1)
    await worker.shows(made["uid"], "ready^[[200~x^[[201~")


# -- a dead host


async def test_programs_outlive_their_host_and_no_byte_is_lost(world: World) -> None:
    worker = await world.start()
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], "cursor=0&control=1") as viewer:
        await viewer.shows(b"ready")
        for number in range(3):
            (host,) = world.hosts()
            kill(host)
            await eventually(lambda dead=host: [pid for pid in world.hosts() if pid != dead])
            await worker.type(made["uid"], b"|%d" % number)
            await viewer.shows(b"|%d" % number)
        assert viewer.data == b"ready|0|1|2"
        assert not viewer.told("reset")
        assert (await worker.session(made["uid"]))["pid"] == made["pid"]
        await worker.http.post(of(made["uid"], "signal"), json={"signal": "KILL"})
        assert await viewer.closed() == (1000, "session closed")
        assert viewer.told("exit") == [{"type": "exit", "exit_code": None}]
    assert (await worker.closed(made["uid"]))["exit_code"] is None


async def test_without_host_and_worker_a_program_is_lost_and_its_history_is_not(world: World) -> None:
    worker = await world.start()
    made = await worker.create(["sh", "-c", "echo words; exec sleep 600"])
    await worker.shows(made["uid"], "words")
    (host,) = world.hosts()
    await worker.stop()
    kill(host)
    await eventually(lambda: not alive(made["pid"]))
    worker = await world.start()
    summary = await worker.session(made["uid"])
    assert (summary["status"], summary["exit_code"], summary["close_reason"]) == ("closed", None, "worker lost")
    assert await worker.lines(made["uid"]) == ["words"]


async def test_an_idle_host_goes_when_its_worker_does(world: World) -> None:
    worker = await world.start()
    made = await worker.create(QUIET)
    await worker.http.delete(of(made["uid"]))
    await worker.stop()
    await eventually(lambda: not world.hosts())


# -- a directory that lost everything


async def test_an_emptied_directory_is_told_everything_again(world: World) -> None:
    worker, other = await world.start(), await world.start()
    made = await worker.create(QUIET, title="one")
    gone = await worker.create(QUIET, title="two")
    await worker.http.delete(of(gone["uid"]))
    generation = worker.service.membership.record.generation
    world.directory.forget()

    async def known() -> bool:
        return await listed(other) == [made["uid"]] and len(await other.get("/api/workers")) == 2

    await eventually(known)
    assert worker.service.membership.record.generation > generation
    assert (await other.create(QUIET, title="one"))["id"] == "one 2"


async def test_no_name_is_given_twice_by_a_directory_that_forgot(world: World) -> None:
    worker, other = await world.start(), await world.start()
    await worker.create(QUIET, title="mine")
    world.directory.forget()
    answers = [await other.http.post("/api/sessions", json={"title": "mine", "command": QUIET}) for _ in range(3)]
    made = [answer.json()["id"] for answer in answers if answer.status_code == 201]
    assert "mine 1" not in made


# -- a worker that is away


async def test_a_lost_sessions_name_is_free_and_its_worker_keeps_it_only_if_nobody_took_it(world: World) -> None:
    one, other = await world.start(), await world.start(lost_after=0.01)
    taken, kept = await one.create(QUIET, title="taken"), await one.create(QUIET, title="kept")
    await one.stop()

    async def lost() -> bool:
        return {session["status"] for session in await other.get("/api/sessions")} == {"lost"}

    await eventually(lost)
    again = await other.create(QUIET, title="taken")
    assert again["id"] == taken["id"]
    assert (await other.get(of(kept["uid"], "history")))["lines"] == []
    await world.start()

    async def settled() -> bool:
        summaries = {session["uid"]: session["status"] for session in await other.get("/api/sessions")}
        return summaries == {again["uid"]: "running", kept["uid"]: "running"}

    await eventually(settled)
    assert (alive(taken["pid"]), alive(kept["pid"]), alive(again["pid"])) == (False, True, True)


# -- what is noted and not here


async def test_a_session_deleted_while_redis_was_away_is_off_every_list_once_it_is_back(world: World) -> None:
    worker, other = await world.start(), await world.start()
    made = await worker.create(["sh", "-c", "echo kept; sleep 600"], title="away")
    await worker.shows(made["uid"], "kept")
    world.directory.away = True
    assert (await worker.http.delete(of(made["uid"]))).status_code == 204
    world.directory.away = False

    async def forgotten() -> bool:
        return made["uid"] not in await listed(other)

    await eventually(forgotten)
    assert (await other.create(QUIET, title="away"))["id"] == made["id"]
    assert (await other.get(of(made["uid"], "history"), format="text"))["lines"] == ["kept"]


async def test_a_name_claimed_just_before_a_crash_is_free_again(world: World) -> None:
    worker = await world.start()
    uid = new_uid()
    await world.directory.claim(worker.service.membership.record, uid, "ghost", only=False, created_at=time.time())
    await worker.stop()
    worker = await world.start()
    assert await listed(worker) == []
    assert await world.directory.find(uid) is None
    assert (await worker.create(QUIET, title="ghost"))["id"] == "ghost 1"


async def test_who_retries_a_creation_that_a_crash_cut_short_gets_a_session_that_everybody_sees(world: World) -> None:
    worker = await world.start()
    uid, record = new_uid(), worker.service.membership.record
    dead = Owner(record.id, record.generation)
    body = b'{"title":"retried","command":["sleep","600"]}'
    claim = key_of("POST", "/api/sessions", "k")
    await world.idempotency.begin(claim, fingerprint_of(body, b""), dead, detail=uid)
    await world.directory.claim(record, uid, "retried", only=False, created_at=time.time())
    await worker.stop()
    world.idempotency.buried.add(dead)
    worker, other = await world.start(), await world.start()
    answer = await worker.http.post("/api/sessions", content=body, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["id"], answer.json()["uid"]) == (201, "retried 1", uid)
    assert await listed(other) == [uid]


async def test_a_creation_under_way_is_not_disowned(world: World) -> None:
    worker = await world.start()
    making = [asyncio.create_task(worker.create(QUIET, title="making")) for _ in range(10)]
    for _ in range(10):
        await worker.service.membership.register()
    made = [(await each)["uid"] for each in making]
    await worker.service.membership.register()
    assert sorted(await listed(worker)) == sorted(made)
    assert {record.uid for record in await world.directory.sessions()} == set(made)
