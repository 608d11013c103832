"""What is typed: after it was written, whole, once (contract §3, §2 Retries)."""

from __future__ import annotations

import asyncio

import pytest
from session_world import DEAF, ECHO, QUIET, Running, World, of, refused
from waiting import eventually

from gestalt_contracts.idempotency import Owner, fingerprint_of, key_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASTING = ["sh", "-c", "stty raw -echo; printf '\\033[?2004hready'; exec cat -v"]
LINE = 4_095
"""The longest that a terminal keeps which gathers lines."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program has a moment to read, not ten seconds."""
    monkeypatch.setattr("gestalt_session.routes.typing.INPUT_SECONDS", 0.1)


# -- refusals


async def test_a_line_that_the_terminal_would_cut_is_refused_whole(worker: Running) -> None:
    made = await worker.create(["sh", "-c", "stty -echo; printf ready; exec cat"])
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        long = b"x" * (LINE + 1)
        for body in (long, long + b"\n", b"short\n" + long + b"\nshort", b"x" * 10_000):
            answer = await worker.type(made["uid"], body)
            length = max(map(len, body.split(b"\n")))
            refused(
                answer,
                422,
                f"a line of {length} bytes is longer than the {LINE} that the terminal keeps",
                "line_too_long",
            )
        whole = b"y" * LINE + b"\n"
        for body in (whole, b"a\n" * 10_000, b"z" * LINE + b"\r" + b"z" * LINE + b"\x04"):
            assert (await worker.type(made["uid"], body)).json() == {"bytes": len(body)}
        await viewer.shows(b"y" * LINE + b"\r\n")
        await viewer.shows(b"z" * LINE)
        assert b"x" not in viewer.data


async def test_a_raw_terminal_takes_lines_of_any_length(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        assert (await worker.type(made["uid"], b"x" * 200_000)).json() == {"bytes": 200_000}
        await eventually(lambda: viewer.data.count(b"x") == 200_000)


@pytest.mark.usefixtures("impatient")
async def test_a_program_that_does_not_read_is_a_timeout_with_the_bytes_it_took(worker: Running) -> None:
    made = await worker.create(DEAF)
    await eventually(lambda: worker.service.held(made["uid"]).journal.end)
    answer = await worker.type(made["uid"], b"x" * 500_000)
    assert answer.status_code == 504
    body = answer.json()
    message = "the program does not read its input"
    assert body == {"message": message, "error": message, "code": "gateway_timeout", "bytes": body["bytes"]}
    assert 0 < body["bytes"] < 500_000


async def test_input_to_a_program_that_ends_meanwhile_is_a_conflict(worker: Running) -> None:
    made = await worker.create(DEAF)
    await eventually(lambda: worker.service.held(made["uid"]).journal.end)
    typing = asyncio.create_task(worker.type(made["uid"], b"x" * 500_000))
    await eventually(lambda: worker.service.held(made["uid"]).input_waiting)
    assert (await worker.http.post(of(made["uid"], "signal"), json={"signal": "KILL"})).status_code == 204
    refused(await typing, 409, "session is closed")


# -- as it is, or as a paste


async def test_every_byte_is_typed_as_it_is(worker: Running) -> None:
    made = await worker.create(ECHO)
    every = bytes(range(256)) * 4
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        answer = await worker.http.post(
            of(made["uid"], "input"), content=every, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()) == (200, {"bytes": 1024})
        await viewer.shows(every)
        assert viewer.data == b"ready" + every
    assert (await worker.session(made["uid"]))["last_input_at"]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, b"a\nb"),
        ({"paste": "0", "enter": "0"}, b"a\nb"),
        ({"enter": "1"}, b"a\nb^M"),
        ({"paste": "1"}, b"^[[200~a\nb^[[201~"),
        ({"paste": "1", "enter": "1"}, b"^[[200~a\nb^[[201~^M"),
    ],
)
async def test_paste_and_enter_are_added_as_asked_and_not_counted(
    worker: Running, query: dict[str, str], shown: bytes
) -> None:
    made = await worker.create(PASTING)
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        assert (await worker.type(made["uid"], b"a\nb", **query)).json() == {"bytes": 3}
        await worker.type(made["uid"], b"|")
        await viewer.shows(b"|")
        assert viewer.data == b"\x1b[?2004hready" + shown + b"|"


async def test_a_program_that_wants_no_brackets_gets_none(worker: Running) -> None:
    made = await worker.create(["sh", "-c", "stty raw -echo; printf '\\033[?2004h\\033[?2004lready'; exec cat -v"])
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        await worker.type(made["uid"], b"pasted", paste=1)
        await worker.type(made["uid"], b"|")
        await viewer.shows(b"|")
        assert viewer.data.endswith(b"readypasted|")


async def test_requests_are_typed_whole_and_in_order(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        parts = [bytes([65 + number]) * 30_000 for number in range(10)]
        answers = await asyncio.gather(*(worker.type(made["uid"], part) for part in parts))
        assert {answer.status_code for answer in answers} == {200}
        await eventually(lambda: len(viewer.data) == 5 + 300_000)
        typed = bytes(viewer.data[5:])
        assert sorted(typed[place : place + 30_000] for place in range(0, 300_000, 30_000)) == parts


# -- once


async def test_a_key_types_once_however_often_and_at_once(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        answers = await asyncio.gather(*(worker.type(made["uid"], b"once", key="i1") for _ in range(6)))
        answers.append(await worker.type(made["uid"], b"once", key="i1"))
        assert [(answer.status_code, answer.json()) for answer in answers] == [(200, {"bytes": 4})] * 7
        assert sum(answer.headers.get("idempotency-replayed") == "true" for answer in answers) == 6
        for body, query in ((b"other", {}), (b"once", {"enter": 1})):
            answer = await worker.type(made["uid"], body, key="i1", **query)
            refused(answer, 409, "the Idempotency-Key was used with another body")
        await worker.type(made["uid"], b"|")
        await viewer.shows(b"|")
        assert viewer.data == b"readyonce|"


async def test_a_key_belongs_to_one_path(worker: Running) -> None:
    made = [await worker.create(ECHO) for _ in range(2)]
    for session in made:
        assert (await worker.type(session["uid"], b"x", key="i2")).headers.get("idempotency-replayed") is None


@pytest.mark.usefixtures("impatient")
async def test_a_timeout_that_took_bytes_is_kept_and_one_that_took_none_is_not(worker: Running) -> None:
    made = await worker.create(DEAF)
    await eventually(lambda: worker.service.held(made["uid"]).journal.end)
    first = await worker.type(made["uid"], b"x" * 300_000, key="i3")
    assert first.status_code == 504
    again = await worker.type(made["uid"], b"x" * 300_000, key="i3")
    assert (again.json(), again.headers["idempotency-replayed"]) == (first.json(), "true")
    while (await worker.type(made["uid"], b"x" * 100_000)).json()["bytes"]:
        pass
    for _ in range(2):
        answer = await worker.type(made["uid"], b"y" * 100_000, key="i4")
        assert (answer.status_code, answer.json()["bytes"]) == (504, 0)
        assert "idempotency-replayed" not in answer.headers


async def test_what_nobody_knows_is_said_once_and_types_nothing(world: World) -> None:
    worker = await world.start()
    made = await worker.create(ECHO)
    dead = Owner("w-dead", 1)
    claim = key_of("POST", f"/api/sessions/{made['uid']}/input", "i5")
    await world.idempotency.begin(claim, fingerprint_of(b"half", b""), dead, detail="x")
    world.idempotency.buried.add(dead)
    answer = await worker.type(made["uid"], b"half", key="i5")
    refused(answer, 409, "nobody knows how much of this input was typed", "outcome_unknown")
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        assert (await worker.type(made["uid"], b"half", key="i5")).json() == {"bytes": 4}
        await viewer.shows(b"half")
        assert viewer.data == b"readyhalf"


async def test_a_session_whose_maker_died_is_given_if_it_exists_and_made_if_not(world: World) -> None:
    worker = await world.start()
    existing = await worker.create(QUIET, title="mine")
    dead = Owner("w-dead", 1)
    world.idempotency.buried.add(dead)
    claim = key_of("POST", "/api/sessions", "c1")
    body = b'{"title":"mine","command":["sleep","600"]}'
    await world.idempotency.begin(claim, fingerprint_of(body, b""), dead, detail=existing["uid"])
    answer = await worker.http.post("/api/sessions", content=body, headers={"Idempotency-Key": "c1"})
    assert (answer.status_code, answer.json()["uid"], answer.json()["launch"]) == (
        201,
        existing["uid"],
        existing["launch"],
    )
    await world.idempotency.begin(
        key_of("POST", "/api/sessions", "c2"), fingerprint_of(body, b""), dead, detail="01-no"
    )
    answer = await worker.http.post("/api/sessions", content=body, headers={"Idempotency-Key": "c2"})
    assert (answer.status_code, answer.json()["uid"], answer.json()["id"]) == (201, "01-no", "mine 2")


async def test_a_client_that_hangs_up_after_its_whole_body_cancels_nothing(worker: Running) -> None:
    made = await worker.create(["sh", "-c", "stty raw -echo; printf ready; sleep 0.2; exec cat"])
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        typing = asyncio.create_task(worker.type(made["uid"], b"x" * 100_000))
        await eventually(lambda: worker.service.held(made["uid"]).input_waiting)
        typing.cancel()
        await eventually(lambda: viewer.data.count(b"x") == 100_000)
