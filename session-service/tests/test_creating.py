"""Starting sessions: names, programs, places, environments (contract §3)."""

from __future__ import annotations

import asyncio
import errno
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from session_world import QUIET, Running, World, of, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUMMARY = {
    "id", "uid", "title", "role", "created_at", "status", "llm_type", "model", "interface", "runner", "command",
    "skills", "prompt_files", "worker", "pid", "cwd", "cols", "rows", "exit_code", "labels", "viewers", "output_bytes",
    "last_output_at", "last_input_at",
}  # fmt: skip
UID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


async def environment(worker: Running, **order: Any) -> dict[str, str]:
    """What a program sees."""
    made = await worker.create(["env", "-0"], **order)
    await worker.closed(made["uid"])
    shown = "".join((await worker.get(of(made["uid"], "output")))["lines"])
    return dict(variable.split("=", 1) for variable in shown.split("\0") if variable)


async def test_a_201_says_everything(worker: Running) -> None:
    before = datetime.now(UTC)
    made = await worker.create(QUIET, title="whole", role="r", cols=100, rows=40, labels={"a": "b"})
    assert set(made) >= {*SUMMARY, "launch"}
    expected = {
        "id": "whole 1", "title": "whole", "role": "r", "status": "running", "llm_type": "", "model": "",
        "interface": "cli", "runner": "server", "command": "sleep 600", "skills": [], "prompt_files": [],
        "cwd": str(worker.world.workspace), "cols": 100, "rows": 40, "exit_code": None, "labels": {"a": "b"},
        "viewers": 0, "last_input_at": None,
    }  # fmt: skip
    assert {key: made[key] for key in expected} == expected
    assert UID.fullmatch(made["uid"])
    assert before <= datetime.fromisoformat(made["created_at"]) <= datetime.now(UTC)
    assert [made["worker"]] == [known["id"] for known in await worker.get("/api/workers")]
    pacing = dict.fromkeys(
        ["prompt_delay", "inter_prompt_delay", "final_enter_delay", "enter_key_delay", "on_air_timeout"], 0
    )
    assert made["launch"] == {
        "session_id": "whole 1",
        "argv": QUIET,
        "interface": "cli",
        "prompt_files": None,
        "prompt_injection": {"mode": "none", "payload": None, "pacing": pacing},
    }
    assert set(await worker.session(made["uid"])) == set(made) - {"launch"}


@pytest.mark.parametrize("body", [b"", b"null", b"{}", b'{"agent":"","title":null,"cols":null,"runner":"server"}'])
async def test_an_empty_order_is_the_default_shell(worker: Running, body: bytes) -> None:
    answer = await worker.http.post("/api/sessions", content=body)
    assert answer.status_code == 201
    made = answer.json()
    assert (made["title"], made["command"], made["launch"]["argv"]) == ("Shell", "/bin/sh", ["/bin/sh"])
    assert (made["cols"], made["rows"]) == (80, 24)
    assert re.fullmatch(r"Shell \d+", made["id"])


async def test_a_command_in_words_is_run_by_the_shell(worker: Running) -> None:
    made = await worker.create("echo $((6 * 7)) | tr 2 3")
    assert (made["command"], made["launch"]["argv"]) == (
        "echo $((6 * 7)) | tr 2 3",
        ["/bin/sh", "-c", "echo $((6 * 7)) | tr 2 3"],
    )
    await worker.shows(made["uid"], "43")


async def test_a_command_in_arguments_is_run_as_it_is(worker: Running) -> None:
    made = await worker.create(["printf", "%s|", "a b", "$HOME", "é", ""])
    assert made["command"] == "printf '%s|' 'a b' '$HOME' 'é' ''"
    await worker.shows(made["uid"], "a b|$HOME|é||")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        (" A/b\\c ", "Abc"),
        ("\x07x\x1b[31my\x85", "x[31my"),
        (" \t/ \\ ", "Shell"),
        ("", "Shell"),
        ("a / b", "a  b"),
        ("naïve 名前", "naïve 名前"),
        ("👩‍💻 x\u00a0y", "👩‍💻 x\u00a0y"),
        ("#1 50% ?&=", "#1 50% ?&="),
        ("..", ".."),
        ("x" * 5_000, "x" * 5_000),
    ],
)
async def test_titles_are_sanitised_into_names(worker: Running, title: str, name: str) -> None:
    made = await worker.create(["true"], title=title)
    assert (made["title"], made["id"].rpartition(" ")[0]) == (name, name)
    assert (await worker.session(made["id"]))["uid"] == made["uid"]


async def test_the_lowest_free_number_is_taken_and_a_closed_session_holds_its_own(worker: Running) -> None:
    made = [await worker.create(["true"], title="count") for _ in range(3)]
    assert [session["id"] for session in made] == ["count 1", "count 2", "count 3"]
    await worker.closed("count 2")
    assert (await worker.create(["true"], title="count"))["id"] == "count 4"
    assert (await worker.http.delete(of("count 2"))).status_code == 204
    assert (await worker.create(["true"], title="count"))["id"] == "count 2"


async def test_a_name_is_given_back_when_no_room_can_be_made_for_it(
    worker: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def disk_full(_: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = await worker.uids()
    with monkeypatch.context() as patch:
        patch.setattr(worker.service, "_make_room", disk_full)
        answer = await worker.http.post("/api/sessions", json={"title": "no room", "command": QUIET})
    assert answer.status_code == 503
    assert await worker.uids() == before
    assert (await worker.create(QUIET, title="no room"))["id"] == "no room 1"


async def test_many_at_once_get_a_name_each(worker: Running) -> None:
    made = await asyncio.gather(*(worker.create(["true"], title="crowd") for _ in range(20)))
    assert sorted(int(session["id"].split()[1]) for session in made) == list(range(1, 21))
    assert len({session["uid"] for session in made}) == 20


async def test_the_list_is_in_order_of_creation(worker: Running) -> None:
    made = [(await worker.create(["true"]))["uid"] for _ in range(5)]
    listed = [session["uid"] for session in await worker.get("/api/sessions")]
    assert listed[-5:] == made
    assert set((await worker.get("/api/sessions"))[0]) >= SUMMARY


async def test_a_program_starts_where_it_is_told(worker: Running) -> None:
    (worker.world.workspace / "sub").mkdir()
    (worker.world.workspace / "link").symlink_to("sub")
    for cwd, where in {"sub": "sub", "link/": "sub", "": ".", str(worker.world.workspace / "sub"): "sub"}.items():
        made = await worker.create(["pwd"], cwd=cwd)
        assert made["cwd"] == str((worker.world.workspace / where).resolve())
        await worker.shows(made["uid"], made["cwd"])


@pytest.mark.parametrize(("cols", "rows"), [(1, 1), (132, 43), (65_535, 65_535)])
async def test_a_terminal_has_the_wanted_size(worker: Running, cols: int, rows: int) -> None:
    made = await worker.create(["stty", "size"], cols=cols, rows=rows)
    summary = await worker.closed(made["uid"])
    assert (summary["cols"], summary["rows"]) == (cols, rows)
    assert "".join(await worker.lines(made["uid"])) == f"{rows} {cols}"


async def test_a_program_knows_where_it_is(worker: Running) -> None:
    made = await worker.create(["env"], title="where", env={"GIVEN": "é=b"})
    await worker.shows(made["uid"], "GIVEN=é=b")
    assert {"TERM=xterm-256color", "GESTALT_SESSION_ID=where 1", "GESTALT_URL=http://127.0.0.1:57417"} <= set(
        await worker.lines(made["uid"])
    )


async def test_what_is_ours_is_not_the_programs(world: World) -> None:
    ours = {"GESTALT_INTERNAL_TOKEN": "s", "GESTALT_X": "s", "REDIS_URL": "s", "OTEL_EXPORTER": "s"}
    inherited = {**ours, "HTTP_PROXY": "p", "API_KEY": "k", "EMPTY": ""}
    worker = await world.start(inherited=inherited, pass_env=["*"])
    seen = await environment(worker, env={"HTTP_PROXY": "mine", "OTEL_MINE": "m"})
    assert not set(ours) & set(seen)
    assert (seen["API_KEY"], seen["HTTP_PROXY"], seen["EMPTY"], seen["OTEL_MINE"]) == ("k", "mine", "", "m")


async def test_only_what_may_pass_passes(world: World) -> None:
    worker = await world.start(
        inherited={"LC_ALL": "C", "LC_TIME": "C", "HOME": "/h", "SECRET": "s"}, pass_env=["LC_*", "HOME", "PATH"]
    )
    seen = await environment(worker, env={"GIVEN": "g"})
    assert {"LC_ALL", "LC_TIME", "HOME", "PATH", "GIVEN", "TERM"} <= set(seen)
    assert "SECRET" not in seen


# -- once


async def test_the_same_key_makes_one_session_however_often_and_at_once(worker: Running) -> None:
    headers = {"Idempotency-Key": "create-once"}
    order = {"command": QUIET, "title": "once"}
    answers = await asyncio.gather(*(worker.http.post("/api/sessions", json=order, headers=headers) for _ in range(8)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["uid"] for answer in answers}) == 1
    assert sum(answer.headers.get("idempotency-replayed") == "true" for answer in answers) == 7
    assert {answer.headers["content-type"] for answer in answers} == {"application/json; charset=utf-8"}
    assert [session["id"] for session in await worker.get("/api/sessions") if session["title"] == "once"] == ["once 1"]


async def test_another_body_under_a_key_is_a_conflict(worker: Running) -> None:
    headers = {"Idempotency-Key": "create-mismatch"}
    assert (await worker.http.post("/api/sessions", json={"title": "mis"}, headers=headers)).status_code == 201
    answer = await worker.http.post("/api/sessions", json={"title": "match"}, headers=headers)
    refused(answer, 409, "the Idempotency-Key was used with another body")


async def test_a_refusal_keeps_no_key(worker: Running) -> None:
    headers = {"Idempotency-Key": "create-late"}
    order = {"cwd": "late", "command": QUIET}
    refused(
        await worker.http.post("/api/sessions", json=order, headers=headers), 400, "directory 'late' does not exist"
    )
    (worker.world.workspace / "late").mkdir()
    answer = await worker.http.post("/api/sessions", json=order, headers=headers)
    assert (answer.status_code, answer.headers.get("idempotency-replayed")) == (201, None)


async def test_keys_that_differ_only_at_their_end_are_two(worker: Running) -> None:
    made = [
        (
            await worker.http.post(
                "/api/sessions", json={"command": ["true"]}, headers={"Idempotency-Key": "k" * 300 + end}
            )
        )
        for end in "ab"
    ]
    assert len({answer.json()["uid"] for answer in made}) == 2


async def test_without_the_store_a_key_is_refused_and_nothing_is_made(world: World) -> None:
    worker = await world.start()
    world.idempotency.away = True
    answer = await worker.http.post("/api/sessions", json={}, headers={"Idempotency-Key": "k"})
    refused(answer, 503, "a request with an Idempotency-Key cannot be taken while Redis is away")
    assert await worker.get("/api/sessions") == []
