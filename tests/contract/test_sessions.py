"""Sessions as a client uses them, through the gateway (contract §3)."""

from __future__ import annotations

import asyncio
import json
import resource
from pathlib import Path

import pytest

from tests.support import processes, programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUMMARY = {
    "id", "uid", "title", "role", "created_at", "status", "llm_type", "model", "interface", "runner", "command",
    "skills", "prompt_files", "worker", "pid", "cwd", "cols", "rows", "exit_code", "labels", "viewers", "output_bytes",
    "last_output_at", "last_input_at",
}  # fmt: skip


async def test_a_summary_has_every_documented_field(api: Api, system: Stack) -> None:
    made = await api.create(programs.echo(), title=" A/b\\c ", role="r", cols=90, rows=30, labels={"k": "v"})
    assert set(made) >= {*SUMMARY, "launch"}
    assert (made["id"], made["title"], made["cwd"]) == ("Abc 1", "Abc", str(system.workspace.resolve()))
    assert (made["cols"], made["rows"], made["labels"], made["role"]) == (90, 30, {"k": "v"}, "r")
    assert made["launch"]["argv"] == programs.echo()
    assert made["launch"]["prompt_injection"]["mode"] == "none"
    assert set(await api.session(made["uid"])) >= SUMMARY


async def test_the_lowest_free_number_is_taken_and_a_closed_session_holds_its_own(api: Api) -> None:
    first, second, third = [await api.create(["true"], title="count") for _ in range(3)]
    await eventually(lambda: _closed(api, second["uid"]))
    assert (await api.create(["true"], title="count"))["id"] == "count 4"
    assert (await api.delete(second["uid"])).status_code == 204
    assert (await api.create(["true"], title="count"))["id"] == second["id"]
    assert {first["id"], third["id"]} == {"count 1", "count 3"}


async def _closed(api: Api, uid: str) -> bool:
    return bool((await api.session(uid))["status"] == "closed")


async def test_the_list_is_in_order_of_creation(api: Api) -> None:
    made = [(await api.create(programs.echo()))["uid"] for _ in range(4)]
    listed = [session["uid"] for session in await api.get("/api/sessions")]
    assert [uid for uid in listed if uid in made] == made


async def test_a_program_has_our_environment_without_what_is_ours(api: Api) -> None:
    session = await api.create("env; sleep 600", env={"GIVEN": "yes"})
    await eventually(lambda: _shows(api, session["uid"], "GIVEN=yes"))
    names = {line.partition("=")[0] for line in await _text(api, session["uid"])}
    assert {"TERM", "PATH", "GESTALT_SESSION_ID", "GESTALT_URL", "GESTALT_TOKEN"} <= names
    assert not names & {"GESTALT_INTERNAL_TOKEN", "REDIS_URL", "GESTALT_PORT", "GESTALT_DATA_DIR"}


async def _text(api: Api, uid: str) -> list[str]:
    return list((await api.get(f"/api/sessions/{uid}/output", format="text"))["lines"])


async def _shows(api: Api, uid: str, line: str) -> bool:
    return line in await _text(api, uid)


async def test_history_pages_back_to_the_beginning_and_ends(api: Api) -> None:
    session = await api.create("seq 1 50; sleep 600")
    await eventually(lambda: _shows(api, session["uid"], "50"))
    lines: list[str] = []
    query: dict[str, object] = {}
    while True:
        page = await api.get(f"/api/sessions/{session['uid']}/history", lines=7, format="text", **query)
        lines = page["lines"] + lines
        if page["next_before"] is None:
            break
        query = {"before_cursor": page["next_before"]}
    assert lines == [str(number) for number in range(1, 51)]


async def test_input_is_pasted_and_entered_as_asked(api: Api) -> None:
    session = await api.create(["sh", "-c", "stty raw -echo; printf '\\033[?2004hready'; exec cat -v"])
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(b"ready")
        answer = await api.type(session["uid"], b"two\nlines", paste=1, enter=1)
        assert answer.json() == {"bytes": 9}
        await viewer.shows(b"^[[200~two\nlines^[[201~^M")


async def test_the_same_key_types_once_and_another_body_is_a_conflict(api: Api) -> None:
    session = await api.create(programs.echo())
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(programs.BEGUN)
        answers = await asyncio.gather(*(api.type(session["uid"], b"once", key="k") for _ in range(5)))
        assert [answer.json() for answer in answers] == [{"bytes": 4}] * 5
        assert sum(answer.headers.get("idempotency-replayed") == "true" for answer in answers) == 4
        assert (await api.type(session["uid"], b"other", key="k")).status_code == 409
        await viewer.type(b"end")
        await viewer.shows(b"end")
        assert bytes(viewer.data) == programs.BEGUN + b"onceend"


async def test_resize_and_signals_reach_the_program(api: Api) -> None:
    session = await api.create(programs.size())
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(b"80x24")
        resized = await api.http.post(f"/api/sessions/{session['uid']}/resize", json={"cols": 100, "rows": 40})
        assert resized.status_code == 204
        await viewer.shows(b"100x40")
        await viewer.resize(90, 30)
        await viewer.shows(b"90x30")
        assert [(word["cols"], word["rows"]) for word in viewer.resizes] == [(100, 40), (90, 30)]
        signalled = await api.http.post(f"/api/sessions/{session['uid']}/signal", json={"signal": "SIGTERM"})
        assert signalled.status_code == 204
        assert await viewer.closed() == 1000
        assert (viewer.exited, viewer.exit_code) == (True, -15)


async def test_a_program_that_ignores_hup_and_term_is_ended_within_five_seconds(api: Api) -> None:
    session = await api.create(["sh", "-c", "trap '' HUP TERM; echo deaf; while :; do sleep 1; done"])
    await eventually(lambda: _shows(api, session["uid"], "deaf"))
    clock = asyncio.get_running_loop().time
    begun = clock()
    assert (await api.delete(session["uid"])).status_code == 204
    assert clock() - begun <= 5.0
    assert not processes.alive(session["pid"])


async def test_malformed_controls_are_ignored_and_other_text_is_typed(api: Api) -> None:
    session = await api.create(programs.echo())
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(programs.BEGUN)
        for word in ('{"type":"resize","cols":0,"rows":5}', '{"type":"resize"}', '{"type":"ack","cursor":-1}'):
            await viewer.say(word)
        await viewer.say('{"type":"other"}')
        await viewer.shows(b'{"type":"other"}')
        assert bytes(viewer.data) == programs.BEGUN + b'{"type":"other"}'


async def test_a_reader_types_nothing_and_a_tail_begins_at_a_line(api: Api) -> None:
    session = await api.create("seq 1 5; sleep 600")
    await eventually(lambda: _shows(api, session["uid"], "5"))
    async with api.viewer(session["uid"], tail=4, readonly=True) as viewer:
        await viewer.shows(b"5\r\n")
        assert bytes(viewer.data) == b"5\r\n"
        await viewer.type(b"ignored")
        await viewer.resize(10, 10)
    assert (await api.session(session["uid"]))["cols"] == 80


async def test_an_unknown_session_is_4404_on_its_socket(api: Api) -> None:
    async with api.viewer("nope 1") as viewer:
        assert await viewer.closed() == 4404


async def test_a_question_of_the_program_is_answered_once(api: Api) -> None:
    session = await api.create(["sh", "-c", "stty raw -echo; printf '\\033[6n'; exec cat -v"])
    async with api.viewer(session["uid"], readonly=True) as viewer:
        await viewer.shows(b"^[[1;1R")
        assert viewer.data.count(b"^[[1;1R") == 1


async def test_recordings_are_lines_of_json_in_both_versions(api: Api) -> None:
    session = await api.create("echo hello")
    await eventually(lambda: _closed(api, session["uid"]))
    for form, version in (("", 2), ("v2", 2), ("v3", 3)):
        answer = await api.http.get(f"/api/sessions/{session['uid']}/recording", params={"format": form})
        header, *events = [json.loads(line) for line in answer.text.splitlines()]
        assert header["version"] == version
        assert "hello\r\n" in "".join(event[2] for event in events)


async def test_what_people_sent_is_kept_and_listed(api: Api) -> None:
    session = await api.create(programs.echo())
    path = f"/api/sessions/{session['uid']}/input-history"
    for command in (" ls ", "make"):
        assert (await api.http.post(path, json={"command": command})).status_code == 204
    assert [entry["command"] for entry in await api.get(path)] == ["ls", "make"]
    assert [entry["command"] for entry in await api.get(path, limit=1)] == ["make"]


async def test_patch_replaces_whole_values(api: Api) -> None:
    session = await api.create(programs.echo(), labels={"a": "1", "b": "2"})
    answer = await api.http.patch(f"/api/sessions/{session['uid']}", json={"labels": {"c": "3"}, "title": "new"})
    assert (answer.json()["labels"], answer.json()["title"], answer.json()["id"]) == ({"c": "3"}, "new", session["id"])


async def test_draining_workers_take_nothing_new_and_undrained_ones_do(api: Api) -> None:
    workers = [worker["id"] for worker in await api.get("/api/workers")]
    try:
        for worker in workers:
            answer = await api.http.patch(f"/api/workers/{worker}", json={"draining": True})
            assert answer.json()["state"] == "draining"
        refused = await api.http.post("/api/sessions", json={})
        assert (refused.status_code, refused.json()["code"]) == (503, "service_unavailable")
    finally:
        for worker in workers:
            await api.http.patch(f"/api/workers/{worker}", json={"draining": False})
    await api.create(programs.echo())


async def test_the_log_of_commits_tells_renames_and_names_as_they_are(api: Api, system: Stack) -> None:
    assert await api.get("/api/git/log") == {"branch": "", "commits": []}
    await _git(system.workspace, "init", "-q", "-b", "main")
    (system.workspace / "é name.txt").write_text("one\ntwo\n" * 20)
    (system.workspace / "picture").write_bytes(bytes(range(256)))
    await _commit(system.workspace, "first")
    (system.workspace / "é name.txt").rename(system.workspace / "renamed.txt")
    await _commit(system.workspace, "second")
    log = await api.get("/api/git/log", limit=100)
    assert (log["branch"], [commit["subject"] for commit in log["commits"]]) == ("main", ["second", "first"])
    (renamed,) = log["commits"][0]["files"]
    assert (renamed["path"], renamed["old_path"]) == ("renamed.txt", "é name.txt")
    first = {file["path"]: file for file in log["commits"][1]["files"]}
    assert (first["é name.txt"]["added"], first["picture"]["binary"], first["picture"]["added"]) == (40, True, None)
    assert (await api.get("/api/status"))["git_branch"] == "main"


async def _commit(workspace: Path, subject: str) -> None:
    await _git(workspace, "add", "--all", "--", ".", ":!.gestalt")
    await _git(workspace, "-c", "user.name=T", "-c", "user.email=t@example.org", "commit", "-q", "-m", subject)


async def _git(workspace: Path, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec("git", *arguments, cwd=workspace)
    async with asyncio.timeout(10):
        assert await process.wait() == 0


async def test_a_program_has_the_limit_of_open_files_that_gestalt_was_started_with(api: Api) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    session = await api.create("ulimit -Sn; sleep 600")
    await eventually(lambda: _shows(api, session["uid"], str(soft)))
