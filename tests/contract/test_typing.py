"""What is typed, signalled and retried reaches the program once, as the contract says (§2 Retries, §3)."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import Any

import pytest

from tests.support import processes, programs
from tests.support.client import Api
from tests.support.eventually import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")
RAW_CAT = "stty raw -echo; printf ready; exec cat -v"
MEGABYTE = b"0123456789abcdef" * 65_536


SUM = hashlib.sha256(MEGABYTE).hexdigest().encode()


async def closed(api: Api, uid: str) -> dict[str, Any]:
    """The session once its program has ended; else nothing."""
    session = await api.session(uid)
    return session if session["status"] == "closed" else {}


async def test_bytes_are_typed_as_they_are_and_counted(api: Api) -> None:
    session = await api.create(["sh", "-c", RAW_CAT])
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(b"ready")
        answer = await api.type(session["uid"], b"a\x00\xff\r\n\x1b[A")
        assert (answer.status_code, answer.json()) == (200, {"bytes": 8})
        await viewer.shows(b"a^@M-^?^M\n^[[A")
        assert (await api.type(session["uid"], b"x", paste=1)).json() == {"bytes": 1}
        assert (await api.type(session["uid"], b"y", enter=1)).json() == {"bytes": 1}
        await viewer.shows(b"xy^M")
    assert (await api.session(session["uid"]))["last_input_at"]


async def test_a_megabyte_is_typed_whole(api: Api) -> None:
    session = await api.create(["sh", "-c", "stty raw -echo; printf ready; head -c 1048576 | sha256sum"])
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(b"ready")
        answer = await api.type(session["uid"], MEGABYTE)
        assert answer.json() == {"bytes": 1_048_576}
        await viewer.shows(SUM)
        assert await viewer.closed() == 1000


async def test_what_many_type_at_once_is_typed_in_one_piece_each(api: Api) -> None:
    session = await api.create(programs.echo())
    words = [b"<%d:%s>" % (number, b"w" * 3000) for number in range(20)]
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(programs.BEGUN)
        answers = await asyncio.gather(*(api.type(session["uid"], word) for word in words))
        assert all(answer.status_code == 200 for answer in answers)
        await viewer.reach(len(programs.BEGUN) + sum(map(len, words)))
        seen = bytes(viewer.data).removeprefix(programs.BEGUN)
    assert sorted(b"<" + piece for piece in seen.split(b"<")[1:]) == sorted(words)


async def test_a_line_that_is_too_long_types_nothing(api: Api) -> None:
    session = await api.create(["cat"])
    async with api.viewer(session["uid"]) as viewer:
        await viewer.ready()
        for body in (b"x" * 4_096, b"ok\n" + b"x" * 5_000):
            answer = await api.type(session["uid"], body)
            assert (answer.status_code, answer.json()["code"]) == (422, "line_too_long")
        assert (await api.type(session["uid"], b"short\n")).json() == {"bytes": 6}
        await viewer.shows(b"short\r\nshort\r\n")
        assert bytes(viewer.data) == b"short\r\nshort\r\n"


async def test_a_program_that_does_not_read_is_a_timeout_which_is_kept_under_its_key(api: Api) -> None:
    session = await api.create(["sh", "-c", "stty raw -echo; printf ready; exec sleep 600"])
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(b"ready")
    first, second = sorted(
        await asyncio.gather(*(api.type(session["uid"], b"x" * 300_000, key="slow") for _ in range(2))),
        key=lambda answer: "idempotency-replayed" in answer.headers,
    )
    assert (first.status_code, first.json()["code"]) == (504, "gateway_timeout")
    assert set(first.json()) == {"message", "error", "code", "bytes"}
    assert 0 < first.json()["bytes"] < 300_000
    for again in (second, await api.type(session["uid"], b"x" * 300_000, key="slow")):
        assert again.headers["idempotency-replayed"] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content)


async def test_a_session_is_made_once_for_a_key(api: Api) -> None:
    body = {"command": programs.echo(), "title": "keyed"}
    headers = {"Idempotency-Key": "make"}
    answers = await asyncio.gather(*(api.http.post("/api/sessions", json=body, headers=headers) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["uid"] for answer in answers}) == 1
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 3
    other = await api.http.post("/api/sessions", json=body | {"role": "r"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert [item["title"] for item in await api.get("/api/sessions")].count("keyed") == 1


async def test_a_key_belongs_to_its_path_and_a_refusal_frees_it(api: Api) -> None:
    first, second = [await api.create(programs.echo()) for _ in range(2)]
    for session in (first, second):
        async with api.viewer(session["uid"]) as viewer:
            await viewer.shows(programs.BEGUN)
            assert (await api.type(session["uid"], b"", key="k")).status_code == 400
            answer = await api.type(session["uid"], b"mine", key="k")
            assert (answer.status_code, answer.headers.get("idempotency-replayed")) == (200, None)
            await viewer.shows(b"mine")


@pytest.mark.parametrize(("name", "number"), [("TERM", 15), ("SIGKILL", 9), ("HUP", 1), ("INT", 2), ("QUIT", 3)])
async def test_a_signal_ends_the_program_with_its_negative_number(api: Api, name: str, number: int) -> None:
    session = await api.create(programs.echo())
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(programs.BEGUN)
        answer = await api.http.post(f"/api/sessions/{session['uid']}/signal", json={"signal": name})
        assert (answer.status_code, answer.content) == (204, b"")
        assert await viewer.closed() == 1000
    ended = await eventually(lambda: closed(api, session["uid"]))
    assert ended["exit_code"] == -number == viewer.exit_code


async def test_int_goes_to_the_foreground_alone_and_term_to_all(api: Api) -> None:
    session = await api.create(["bash", "--norc", "-i"], env={"PS1": "prompt> "})
    signal = f"/api/sessions/{session['uid']}/signal"
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(b"prompt> ")
        await viewer.type(b"sleep 1000 & echo back=$!; sleep 2000\r")
        await viewer.shows(b"back=")
        await eventually(lambda: len(processes.children(session["pid"])) == 2)
        background, foreground = processes.children(session["pid"])
        await api.http.post(signal, json={"signal": "INT"})
        await eventually(lambda: processes.gone(foreground))
        assert processes.alive(background)
        await api.http.post(signal, json={"signal": "KILL"})
        await eventually(lambda: processes.gone(background))
        assert await viewer.closed() == 1000


async def test_a_shell_is_the_default_and_its_end_has_its_code(api: Api) -> None:
    session = await api.create(title="", agent="", env={"HOME": "/"})
    assert session["id"].startswith("Shell ")
    async with api.viewer(session["uid"]) as viewer:
        await viewer.ready()
        await api.type(session["uid"], b"exit 7", enter=1)
        assert await viewer.closed() == 1000
        assert viewer.exit_code == 7


@pytest.mark.parametrize(
    ("command", "argv"),
    [("echo $((1+1)); sleep 600", None), (["echo", "a b", "$HOME"], ["echo", "a b", "$HOME"])],
)
async def test_a_command_is_a_line_for_the_shell_or_a_list_of_arguments(
    api: Api, command: str | list[str], argv: list[str] | None
) -> None:
    session = await api.create(command)
    assert session["launch"]["argv"] == (argv or [session["launch"]["argv"][0], "-c", str(command)])
    async with api.viewer(session["uid"]) as viewer:
        await viewer.shows(b"a b $HOME\r\n" if argv else b"2\r\n")


async def test_a_program_starts_where_it_was_told_to(api: Api) -> None:
    for cwd, place in (("/", b"/\r\n"), ("/tmp/..", b"/\r\n"), (".gestalt", b"/.gestalt\r\n")):
        session = await api.create("pwd; sleep 600", cwd=cwd)
        async with api.viewer(session["uid"]) as viewer:
            await viewer.shows(place)


async def test_input_history_is_counted_and_cut_by_time(api: Api) -> None:
    session = await api.create(programs.echo())
    path = f"/api/sessions/{session['uid']}/input-history"
    assert await api.get(path) == []
    for number in range(3):
        assert (await api.http.post(path, json={"command": f"c{number}"})).status_code == 204
    entries = await api.get(path)
    assert [set(entry) for entry in entries] == [{"command", "timestamp"}] * 3
    assert [entry["command"] for entry in await api.get(path, since=entries[1]["timestamp"])] == ["c1", "c2"]
    assert await api.get(path, since="2999-01-01T00:00:00+01:00") == []


async def test_what_a_plain_session_is_notified_of_is_refused_in_the_order_of_the_reference(api: Api) -> None:
    session = await api.create(programs.echo())
    path = f"/api/sessions/{session['uid']}/notify"
    uid = session["uid"]
    steps: list[tuple[dict[str, Any], int, str]] = [
        ({"payload": {"type": "t"}}, 400, "missing session id"),
        ({"session_id": "other"}, 422, "missing payload"),
        ({"session_id": "other", "payload": None}, 422, "payload must be a JSON object"),
        ({"session_id": "other", "payload": []}, 422, "payload must be a JSON object"),
        ({"session_id": "other", "payload": {"type": " "}}, 422, "missing payload type"),
        ({"session_id": "other", "payload": {"type": "t"}}, 400, "session id mismatch"),
        ({"session_id": uid, "payload": {"type": "t"}}, 400, "terminal is not an agent session"),
        ({"session_id": f" {uid} ", "payload": {"type": "t"}}, 400, "terminal is not an agent session"),
    ]
    for body, status, message in steps:
        answer = await api.http.post(path, json=body)
        assert (answer.status_code, answer.json()["message"]) == (status, message)
    missing = await api.http.post(
        "/api/sessions/no/notify", content=json.dumps({"session_id": "no", "payload": {"type": "t"}})
    )
    assert (missing.status_code, missing.json()["message"]) == (404, "session not found")


async def test_titles_keep_all_but_slashes_and_control_characters(api: Api) -> None:
    for title, kept in (
        ("C# 50% é ?&", "C# 50% é ?&"),
        ("../../etc", "....etc"),
        ("a\u0000\u001b\u007f\u0085b", "ab"),
        ("narrow\u202fspace \U0001f469\u200d\U0001f4bb", "narrow\u202fspace \U0001f469\u200d\U0001f4bb"),
        (" / ", "Shell"),
    ):
        session = await api.create(programs.echo(), title=title)
        assert session["title"] == kept
        assert session["id"].rpartition(" ")[0] == kept
        assert (await api.session(session["id"]))["uid"] == session["uid"]


async def test_a_change_of_title_and_labels_is_whole_and_keeps_the_id(api: Api) -> None:
    session = await api.create(programs.echo(), title="before", labels={"a": "1"})
    path = f"/api/sessions/{session['uid']}"
    for body, title, labels in (
        ({}, "before", {"a": "1"}),
        ({"title": " a/fter "}, "after", {"a": "1"}),
        ({"labels": {}}, "after", {}),
    ):
        answer = await api.http.patch(path, json=body)
        assert (answer.status_code, answer.json()["title"], answer.json()["labels"]) == (200, title, labels)
    wrong: list[dict[str, Any]] = [{"id": "x"}, {"labels": {"a": 1}}, {"title": 5}, {"labels": []}]
    for bad in wrong:
        refused = await api.http.patch(path, json=bad)
        assert (refused.status_code, refused.json()["message"]) == (400, "invalid request body")
    listed = next(item for item in await api.get("/api/sessions") if item["uid"] == session["uid"])
    assert (listed["id"], listed["title"], listed["labels"]) == (session["id"], "after", {})
