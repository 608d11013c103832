"""How sessions end: by themselves, by DELETE, by their time (contract §3)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from session_world import ECHO, QUIET, Running, World, alive, of, refused
from waiting import eventually

from gestalt_session.terminal import termination

pytestmark = pytest.mark.asyncio(loop_scope="module")

GONE = "terminal not found"


async def deleted(worker: Running, ref: str) -> float:
    """DELETE, and how long it took."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    answer = await worker.http.delete(of(ref))
    assert (answer.status_code, answer.content) == (204, b""), answer.text
    return clock() - begun


async def started(worker: Running, script: str, **order: Any) -> dict[str, Any]:
    """A shell script that has said `ready`."""
    made = await worker.create(["bash", "-c", script], **order)
    await worker.shows(made["uid"], "ready")
    return made


# -- by themselves


@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("exit 255", 255), ("kill -KILL $$", -9)])
async def test_a_program_that_ends_is_listed_as_closed_with_its_exit_code(
    worker: Running, command: str, code: int
) -> None:
    made = await worker.create(["sh", "-c", f"echo done; {command}"], title="ends")
    summary = await worker.closed(made["uid"])
    assert (summary["exit_code"], summary["pid"] is None or summary["pid"] == made["pid"]) == (code, True)
    assert summary in await worker.get("/api/sessions")
    assert await worker.lines(made["uid"]) == ["done"]
    assert (await worker.get(of(made["uid"], "history"), format="text"))["lines"] == ["done"]
    assert (await worker.get(of(made["uid"], "progress"))) == {"has_progress": False}


async def test_a_background_job_does_not_keep_a_session_open(worker: Running) -> None:
    made = await worker.create(["bash", "-c", "sleep 600 & echo $!; exit 4"])
    assert (await worker.closed(made["uid"]))["exit_code"] == 4


async def test_what_was_written_last_is_kept(worker: Running) -> None:
    made = await worker.create(["sh", "-c", "seq 1 50000; exit 1"])
    summary = await worker.closed(made["uid"])
    assert summary["output_bytes"] == sum(len(f"{number}\r\n") for number in range(1, 50_001))
    assert (await worker.lines(made["uid"]))[-1] == "50000"


# -- by DELETE


async def test_a_quiet_program_goes_at_once(worker: Running) -> None:
    made = await worker.create(QUIET, title="quiet")
    assert await deleted(worker, made["id"]) < 2
    assert not alive(made["pid"])
    refused(await worker.http.get(of(made["id"])), 404, GONE)
    assert made["uid"] not in [session["uid"] for session in await worker.get("/api/sessions")]


async def test_a_program_may_tidy_up_at_the_hang_up(worker: Running) -> None:
    made = await started(worker, "trap 'echo tidy; exit 3' HUP; echo ready; while :; do sleep 0.02; done")
    assert await deleted(worker, made["uid"]) < 2
    assert "tidy" in (await worker.get(of(made["uid"], "history"), format="text"))["lines"]


async def test_a_program_that_ignores_what_it_can_is_killed_within_five_seconds(worker: Running) -> None:
    script = "trap '' HUP TERM INT QUIT; bash -c \"trap '' HUP TERM; echo ready; while :; do sleep 1; done\""
    made = await started(worker, script)
    assert await deleted(worker, made["uid"]) <= 5
    assert not alive(made["pid"])


async def test_a_stopped_program_goes_too(worker: Running) -> None:
    made = await started(worker, "echo ready; kill -STOP $$; sleep 600")
    await eventually(lambda: Path(f"/proc/{made['pid']}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    assert await deleted(worker, made["uid"]) < 2
    assert not alive(made["pid"])


@pytest.fixture
def steep(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ladder that is climbed in less than a second."""
    ladder = tuple((number, 0.2) for number, _ in termination.LADDER)
    monkeypatch.setattr(termination, "LADDER", ladder)


@pytest.mark.usefixtures("steep")
async def test_jobs_in_the_background_go_with_their_shell(worker: Running) -> None:
    script = (
        "set -m; sleep 600 & echo $!; (trap '' HUP TERM; echo $BASHPID; echo ready; while :; do sleep 1; done) & wait"
    )
    made = await started(worker, script)

    async def both() -> list[int]:
        found = [int(line) for line in await worker.lines(made["uid"]) if line.isdigit()]
        return found if len(found) == 2 else []

    jobs = await eventually(both)
    assert await deleted(worker, made["uid"]) <= 5
    assert not [job for job in jobs if alive(job)]


async def test_a_closed_session_is_taken_off_the_list(worker: Running) -> None:
    made = await worker.create(["true"], title="off")
    await worker.closed(made["uid"])
    await deleted(worker, made["id"])
    refused(await worker.http.delete(of(made["uid"])), 404, GONE)


@pytest.mark.usefixtures("steep")
async def test_deleting_at_once_is_deleting_once(worker: Running) -> None:
    made = await started(worker, "trap '' HUP; echo ready; while :; do sleep 0.05; done", title="often")
    answers = await asyncio.gather(*(worker.http.delete(of(made["uid"])) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {204}
    assert (await worker.create(QUIET, title="often"))["id"] == "often 1"


@pytest.mark.usefixtures("steep")
async def test_while_it_ends_a_session_is_closing(worker: Running) -> None:
    made = await started(worker, "trap '' HUP; echo ready; while :; do sleep 0.05; done")
    ending = asyncio.create_task(worker.http.delete(of(made["uid"])))

    async def closing() -> bool:
        return bool((await worker.session(made["uid"]))["status"] == "closing")

    await eventually(closing)
    assert (await ending).status_code == 204


async def test_of_a_deleted_session_only_the_journal_answers_until_its_id_is_used_again(worker: Running) -> None:
    made = await started(worker, "echo ready; sleep 600", title="former")
    await deleted(worker, made["uid"])
    for ref in (made["id"], made["uid"]):
        history = await worker.get(of(ref, "history"), format="text")
        assert (history["id"], history["lines"]) == (made["id"], ["ready"])
        recording = await worker.http.get(of(ref, "recording"))
        assert (recording.status_code, recording.headers["content-type"]) == (200, "application/x-asciicast")
        for action in ("", "output", "progress", "input-history"):
            refused(await worker.http.get(of(ref, action)), 404, GONE)
        for action in ("bell", "activate", "input"):
            refused(await worker.http.post(of(ref, action), content=b"x"), 404, GONE)
        refused(await worker.http.patch(of(ref), json={}), 404, GONE)
    again = await worker.create(ECHO, title="former")
    assert again["id"] == made["id"]
    await worker.shows(again["uid"], "ready")
    assert (await worker.get(of(made["uid"], "history"), format="text"))["lines"] == ["ready"]
    recorded = (await worker.http.get(of(made["id"], "recording"))).text.splitlines()
    assert json.loads(recorded[0])["title"] == again["id"]


# -- by their time


async def test_a_closed_session_leaves_the_list_when_its_time_is_over_and_its_history_stays(world: World) -> None:
    worker = await world.start(closed_session_ttl=0.01)
    made = await worker.create(["sh", "-c", "echo bye"])
    live = await worker.create(QUIET)

    async def only_the_live_one() -> bool:
        return [session["uid"] for session in await worker.get("/api/sessions")] == [live["uid"]]

    await eventually(only_the_live_one)
    assert (await worker.get(of(made["id"], "history"), format="text"))["lines"] == ["bye"]
    refused(await worker.http.get(of(made["uid"])), 404, GONE)


async def test_what_a_deleted_session_wrote_goes_when_its_retention_is_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gestalt_session.service.RETENTION_TURNS", 1)
    worker = await world.start(session_retention=0.01)
    made = await worker.create(["sh", "-c", "echo bye"])
    await deleted(worker, made["uid"])
    await eventually(lambda: not list(world.data.glob(f"slots/*/sessions/{made['uid']}")))
    refused(await worker.http.get(of(made["uid"], "history")), 404, GONE)
