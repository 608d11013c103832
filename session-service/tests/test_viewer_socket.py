"""One viewer's WebSocket: what it gets and what it may say (contract §3)."""

from __future__ import annotations

import asyncio

import pytest
from session_world import DEAF, ECHO, QUIET, Running, of, socket_of
from viewing import BEARER, Viewer, by_hand
from waiting import eventually
from websockets.exceptions import InvalidStatus

from gestalt_contracts.uids import new_uid
from gestalt_session.viewer_socket import INPUT_MARK

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refusal(viewer: Viewer) -> int:
    """The status of a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with viewer:
            pass
    return refused.value.response.status_code


# -- refusals


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
async def test_without_the_internal_bearer_it_is_401_before_the_upgrade(
    worker: Running, headers: dict[str, str]
) -> None:
    assert await refusal(worker.view("Shell 1", headers=headers)) == 401


@pytest.mark.parametrize(
    "header", [f"Authorization: {BEARER['Authorization']}", "X-Gestalt-Uid: a\r\nX-Gestalt-Uid: b"]
)
async def test_a_repeated_header_is_refused(worker: Running, header: str) -> None:
    async with by_hand(worker.port, socket_of("Shell 1"), header) as (reader, _):
        async with asyncio.timeout(5):
            assert (await reader.readline()).split()[1] in {b"401", b"421"}


async def test_a_foreign_session_is_421_before_the_upgrade(worker: Running) -> None:
    assert await refusal(worker.view("Shell 1", headers={**BEARER, "X-Gestalt-Uid": new_uid()})) == 421


@pytest.mark.parametrize("ref", ["nope 1", "", " ", "a/b", "01890a5d-ac96-774b-bcce-b302099a8057"])
async def test_an_unknown_session_is_accepted_and_closed(worker: Running, ref: str) -> None:
    async with worker.view(ref, "control=1") as viewer:
        assert await viewer.closed() == (4404, "terminal not found")
        assert not viewer.words


async def test_an_unknown_path_is_refused(worker: Running) -> None:
    assert await refusal(worker.listen("/ws/nope")) in {403, 404}


@pytest.mark.parametrize("header", ["Sec-WebSocket-Version: 12", "Sec-WebSocket-Key: short"])
async def test_a_bad_handshake_is_refused(worker: Running, header: str) -> None:
    async with by_hand(worker.port, socket_of("Shell 1"), header) as (reader, _):
        async with asyncio.timeout(5):
            assert (await reader.readline()).split()[1] in {b"400", b"426"}


async def test_a_deleted_uid_is_gone_though_its_id_is_used_again(worker: Running) -> None:
    first = await worker.create(QUIET, title="again")
    assert (await worker.http.delete(of(first["id"]))).status_code == 204
    second = await worker.create(QUIET, title="again")
    assert second["id"] == first["id"]
    async with worker.view(first["uid"]) as viewer:
        assert await viewer.closed() == (4404, "terminal not found")


# -- where it begins


SAID = "".join(f"{number} é\r\n" for number in range(1, 21)).encode()
"""What the program of `talker` has written; its last lines have seven bytes each."""
END = len(SAID)


async def talker(worker: Running) -> str:
    """A session that has written SAID and waits; it writes what is typed."""
    script = "stty raw -echo; printf '%b' \"$0\"; exec cat"
    made = await worker.create(["sh", "-c", script, SAID.decode().replace("\r\n", "\\r\\n")])
    uid = str(made["uid"])

    async def written() -> bool:
        return bool((await worker.session(uid))["output_bytes"] == END)

    await eventually(written)
    return uid


@pytest.mark.parametrize("query", ["", "cursor=", "cursor=-1", "cursor=x", "cursor=1.5", "tail=", "tail=-5"])
async def test_without_a_place_it_is_live_only(worker: Running, query: str) -> None:
    uid = await talker(worker)
    async with worker.view(uid, f"control=1&{query}") as viewer:
        assert (await viewer.hears("ready"))["cursor"] == END
        await viewer.send(b"live")
        await viewer.shows(b"live")
        assert viewer.data == b"live"


@pytest.mark.parametrize(
    ("query", "start"),
    [
        ("cursor=0", 0),
        ("cursor=13", 13),
        ("cursor=13&tail=5", 13),
        ("cursor=99999", END),
        ("cursor=" + "9" * 5_000, END),
        ("tail=0", END),
        ("tail=6", END),
        ("tail=7", END - 7),
        ("tail=13", END - 7),
        ("tail=14", END - 14),
        ("tail=99999", 0),
    ],
)
async def test_it_gets_exactly_what_is_there_from_its_place_on(worker: Running, query: str, start: int) -> None:
    uid = await talker(worker)
    async with worker.view(uid, f"control=1&{query}") as viewer:
        assert (await viewer.hears("ready"))["cursor"] == start
        await viewer.send(b"live")
        await viewer.shows(b"live")
        assert viewer.data == SAID[start:] + b"live"


async def test_an_id_serves_as_well_as_a_uid(worker: Running) -> None:
    made = await worker.create(ECHO, title="naïve # 50%? name")
    async with worker.view(made["id"], "cursor=0") as viewer:
        await viewer.shows(b"ready")


# -- words


async def test_ready_comes_first_and_says_everything(worker: Running) -> None:
    made = await worker.create(ECHO, cols=100, rows=40)
    async with worker.view(made["uid"], "cursor=0&control=1&readonly=1") as viewer:
        await viewer.shows(b"ready")
        await viewer.hears("leader")
        assert viewer.words == [
            {"type": "ready", "cursor": 0, "cols": 100, "rows": 40, "readonly": True},
            {"type": "leader", "you": False},
        ]


async def test_the_subprotocol_asks_for_words_too(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], subprotocols=["other", "gestalt.control"]) as viewer:
        assert viewer.connection.subprotocol == "gestalt.control"
        await viewer.hears("ready")


async def test_who_offers_what_we_do_not_speak_is_served_without(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], "cursor=0", subprotocols=["other"]) as viewer:
        await viewer.shows(b"ready")
        assert viewer.connection.subprotocol is None


async def test_without_asking_no_text_frame_is_ever_sent(worker: Running) -> None:
    made = await worker.create(["sh", "-c", "read line; exit 3"])
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.resize(90, 30)
        await viewer.send(b"\n")
        assert await viewer.closed() == (1000, "session closed")
        assert not viewer.words


# -- what it says


async def test_binary_is_typed_whatever_it_says(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], "cursor=0&control=1") as viewer:
        await viewer.shows(b"ready")
        typed = b'{"type":"resize","cols":10,"rows":10}' + bytes(range(256))
        await viewer.send(typed)
        await viewer.shows(typed)
        assert not viewer.told("resize")


async def test_text_is_typed_unless_it_is_a_control(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], "cursor=0&control=1") as viewer:
        await viewer.shows(b"ready")
        for ignored in ('{"type":"resize"}', '{"type":"resize","cols":0,"rows":1}', '{"type":"ack","cursor":3}', ""):
            await viewer.send(ignored)
        await viewer.send(b"")
        await viewer.send('{"type":"other"} é')
        await viewer.shows('{"type":"other"} é'.encode())
        assert bytes(viewer.data) == b"ready" + '{"type":"other"} é'.encode()


async def test_a_message_in_pieces_is_typed_whole(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        await viewer.connection.send([b"one ", b"two ", b"", b"three"])
        await viewer.shows(b"one two three")


async def test_what_is_typed_right_before_a_close_is_typed(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with (
        worker.view(made["uid"], "cursor=0") as watching,
        by_hand(worker.port, socket_of(made["uid"])) as (reader, writer),
    ):
        await reader.readuntil(b"\r\n\r\n")
        mask = bytes(4)
        writer.write(b"\x82\x84" + mask + b"last" + b"\x88\x82" + mask + b"\x03\xe8")
        await writer.drain()
        await watching.shows(b"last")


async def test_a_reader_types_nothing_and_resizes_nothing(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with (
        worker.view(made["uid"], "cursor=0&readonly=1") as reader,
        worker.view(made["uid"], "cursor=0") as writer,
    ):
        await reader.shows(b"ready")
        await reader.resize(10, 10)
        await reader.send(b"ignored")
        await reader.send("ignored")
        await (await reader.connection.ping())
        await writer.send(b"typed")
        await reader.shows(b"typed")
        assert reader.data == b"readytyped"
    assert (await worker.session(made["uid"]))["cols"] == 80


async def test_every_viewer_is_told_a_new_size_once(worker: Running) -> None:
    made = await worker.create(["sh", "-c", "trap 'stty size' WINCH; echo set; while :; do sleep 0.05; done"])
    async with worker.view(made["uid"], "cursor=0&control=1") as one, worker.view(made["uid"], "control=1") as other:
        await one.shows(b"set")
        await one.resize(100, 40)
        await one.resize(100, 40)
        assert await other.hears("resize") == {"type": "resize", "cols": 100, "rows": 40}
        await one.shows(b"40 100")
        await one.resize(101, 41)
        await one.shows(b"41 101")
        for viewer in (one, other):
            assert [(word["cols"], word["rows"]) for word in viewer.told("resize")] == [(100, 40), (101, 41)]
    summary = await worker.session(made["uid"])
    assert (summary["cols"], summary["rows"]) == (101, 41)


async def test_a_terminal_has_the_size_of_who_typed_last(worker: Running) -> None:
    made = await worker.create(
        ["sh", "-c", "trap 'stty size' WINCH; echo set; while :; do read line || sleep 0.05; done"]
    )
    async with worker.view(made["uid"], "cursor=0&control=1") as one:
        assert await one.hears("leader") == {"type": "leader", "you": True}
        await one.shows(b"set")
        await one.resize(100, 40)
        await one.shows(b"40 100")
        async with worker.view(made["uid"], "control=1") as other:
            assert await other.hears("leader") == {"type": "leader", "you": False}
            await other.resize(50, 20)
            await (await other.connection.ping())
            assert other.told("resize") == []
            await other.send(b"x")
            await one.shows(b"20 50")
            assert [word["you"] for word in other.told("leader")] == [False, True]
            assert [word["you"] for word in one.told("leader")] == [True, False]
        await eventually(lambda: one.told("leader")[-1]["you"])
        await eventually(lambda: one.told("resize")[-1] == {"type": "resize", "cols": 100, "rows": 40})
    summary = await worker.session(made["uid"])
    assert (summary["cols"], summary["rows"]) == (100, 40), "a last viewer's leaving keeps the size"


async def test_of_a_burst_of_sizes_the_first_and_the_last_hold(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], "control=1") as viewer:
        await viewer.hears("ready")
        for cols in range(100, 160):
            await viewer.resize(cols, 50)
        await eventually(lambda: viewer.told("resize") and viewer.told("resize")[-1]["cols"] == 159)
        assert viewer.told("resize")[0]["cols"] == 100
        assert len(viewer.told("resize")) < 10


async def test_a_frame_over_the_limit_is_closed_as_such(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        await viewer.send(b"x" * (1024 * 1024 + 1))
        assert (await viewer.closed())[0] == 1009
        assert viewer.data == b"ready"


async def test_an_unmasked_frame_is_a_protocol_error(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with by_hand(worker.port, socket_of(made["uid"])) as (reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"\x82\x01x")
        async with asyncio.timeout(5):
            assert b"\x03\xea" in await reader.read()


async def test_who_types_faster_than_the_program_reads_is_not_read_any_further(worker: Running) -> None:
    made = await worker.create(DEAF)
    session = worker.service.held(made["uid"])
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")

        async def flood() -> None:
            for _ in range(2_000):  # more than the sockets on the way hold
                await viewer.send(b"x" * 16_384)

        flooding = asyncio.create_task(flood())
        await eventually(lambda: session.input_waiting > INPUT_MARK)
        for _ in range(20):
            await worker.session(made["uid"])
        assert session.input_waiting < 3 * INPUT_MARK
        assert not flooding.done()
        flooding.cancel()
        viewer.cut()


# -- questions of the program


ASKS = "stty raw -echo; printf '\\033[6n'; exec cat -v"


async def test_the_worker_answers_and_viewers_do_not(worker: Running) -> None:
    made = await worker.create(
        ["sh", "-c", "stty raw -echo; printf ready; dd bs=1 count=1 >/dev/null 2>&1; printf '\\033[6n'; exec cat -v"]
    )
    async with worker.view(made["uid"], "cursor=0") as one, worker.view(made["uid"], "cursor=0") as other:
        await one.shows(b"ready")
        await one.send(b"g")
        await asyncio.gather(one.shows(b"^[[1;1R"), other.shows(b"^[[1;1R"))
        for viewer in (one, other):
            await viewer.send(b"\x1b[7;8R")
            await viewer.send(b"\x1b[?1;2c\x1b[7;8R")
        await other.send(b"\x1b[1;2R")
        await one.shows(b"^[[1;2R")
        assert bytes(one.data) == b"ready\x1b[6n^[[1;1R^[[1;2R", "Shift-F3 is a key: the cursor was elsewhere"


async def test_without_a_writing_viewer_it_is_the_same(worker: Running) -> None:
    made = await worker.create(["sh", "-c", ASKS])
    async with worker.view(made["uid"], "cursor=0&readonly=1") as reader:
        await reader.shows(b"^[[1;1R")


async def test_history_that_a_browser_replays_answers_nothing(worker: Running) -> None:
    made = await worker.create(["sh", "-c", ASKS])
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"^[[1;1R")
        await viewer.send(b"\x1b[5;5R")
        await viewer.send(b"end")
        await viewer.shows(b"end")
        assert b"5;5" not in viewer.data
