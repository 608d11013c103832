"""How a viewer's WebSocket ends, and what keeps it open (contract §3)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from session_world import DEAF, ECHO, QUIET, Running, World, of, socket_of
from viewing import by_hand
from waiting import eventually
from websockets.asyncio.client import ClientConnection
from websockets.frames import Frame, Opcode
from websockets.protocol import Event

from gestalt_session.viewer_socket import INPUT_MARK, MISSED_PINGS

pytestmark = pytest.mark.asyncio(loop_scope="module")


FRAMES = [
    b"\x82\x80\0\0\0\0",
    b"\x81\x83\0\0\0\0abc",
    b"\x02\x81\0\0\0\0a",
    b"\x80\x81\0\0\0\0b",
    b"\x89\x80\0\0\0\0",
    b"\x8a\x80\0\0\0\0",
    b"\x88\x82\0\0\0\0\x03\xe8",
    b"\x88\x81\0\0\0\0\x03",
    b"\x81\xfe\xff\xff\0\0\0\0",
    b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
    b"\xf2\x80\0\0\0\0",
    b"\x81\x81\0\0\0\0\xff",
]
"""Frames of a client, right and wrong: empty, text, in pieces, ping, pong, Close, overlong, with reserved bits."""


class Pinged(ClientConnection):
    """A client that counts pings."""

    pings = 0

    def process_event(self, event: Event) -> None:
        self.pings += isinstance(event, Frame) and event.opcode is Opcode.PING
        super().process_event(event)


@pytest.mark.parametrize(
    ("command", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", -15), ("kill -9 $$", -9)]
)
async def test_after_the_last_byte_comes_the_exit_and_a_close(worker: Running, command: str, code: int) -> None:
    made = await worker.create(["sh", "-c", f"stty -echo; read line; printf last; {command}"])
    async with worker.view(made["uid"], "cursor=0&control=1") as viewer:
        await viewer.send(b"\n")
        assert await viewer.closed() == (1000, "session closed")
        assert viewer.data.endswith(b"last")
        assert viewer.words[-1] == {"type": "exit", "exit_code": code}
    assert (await worker.closed(made["uid"]))["exit_code"] == code


async def test_of_a_closed_session_a_viewer_gets_the_rest_and_the_close(worker: Running) -> None:
    made = await worker.create(["sh", "-c", "seq 1 20000"])
    size = (await worker.closed(made["uid"]))["output_bytes"]
    async with worker.view(made["uid"], "cursor=100&control=1") as viewer:
        assert await viewer.closed() == (1000, "session closed")
        assert len(viewer.data) == size - 100
        assert [word["type"] for word in viewer.words] == ["ready", "leader", "exit"]


async def test_closed_sessions_keep_no_file_open(worker: Running) -> None:
    made = await worker.create(["sh", "-c", "echo x"])
    await worker.closed(made["uid"])

    def open_files() -> list[str]:
        links = (fd.readlink() for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink())
        return [str(path) for path in links if made["uid"] in path.parts]

    for query in ("cursor=0", "tail=1", ""):
        async with worker.view(made["uid"], query) as viewer:
            await viewer.closed()
    await eventually(lambda: not open_files())


async def test_a_deleted_session_closes_its_viewers(worker: Running) -> None:
    made = await worker.create(QUIET)
    async with worker.view(made["uid"], "control=1") as viewer:
        await viewer.hears("ready")
        assert (await worker.http.delete(of(made["uid"]))).status_code == 204
        assert await viewer.closed() == (1000, "session closed")


async def test_the_number_of_viewers_is_told(worker: Running) -> None:
    made = await worker.create(QUIET)
    async with worker.view(made["uid"], "control=1") as one, worker.view(made["uid"], "control=1") as other:
        await asyncio.gather(one.hears("ready"), other.hears("ready"))
        assert (await worker.session(made["uid"]))["viewers"] == 2
        one.cut()

        async def one_left() -> bool:
            return bool((await worker.session(made["uid"]))["viewers"] == 1)

        await eventually(one_left)


async def test_a_client_that_ends_its_half_of_the_connection_is_let_go(worker: Running) -> None:
    made = await worker.create(ECHO)
    async with by_hand(worker.port, socket_of(made["uid"])) as (reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await eventually(lambda: worker.service.held(made["uid"]).audience.viewers)
        writer.write_eof()
        async with asyncio.timeout(5):
            await reader.read()
        await eventually(lambda: not worker.service.held(made["uid"]).audience.viewers)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(worker: Running) -> str:
    """The uid of a session."""
    return str((await worker.create(ECHO))["uid"])


@settings(max_examples=40, deadline=None)
@given(sent=st.lists(st.binary(max_size=40) | st.sampled_from(FRAMES), max_size=6))
async def test_no_bytes_of_a_client_disturb_the_worker(worker: Running, target: str, sent: list[bytes]) -> None:
    async with by_hand(worker.port, socket_of(target)) as (reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"".join(sent))
        writer.write_eof()
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                await reader.read()
    await eventually(lambda: not worker.service.held(target).audience.viewers)


async def test_who_answers_no_ping_is_cut(worker: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_session.viewer_socket.PING_SECONDS", 0.05)
    made = await worker.create(ECHO)
    async with (
        worker.view(made["uid"], "cursor=0") as lively,
        by_hand(worker.port, socket_of(made["uid"])) as (deaf, _),
    ):
        await deaf.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(5):
            with suppress(ConnectionResetError):
                await deaf.read()  # nothing but pings, then the cut
        await lively.send(b"alive")
        await lively.shows(b"alive")


async def test_who_waits_for_the_program_to_read_is_not_cut(worker: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gestalt_session.viewer_socket.PING_SECONDS", 0.02)
    made = await worker.create(DEAF)
    async with worker.view(made["uid"], "cursor=0", create_connection=Pinged) as viewer:
        await viewer.shows(b"ready")
        await viewer.send(b"x" * 2 * INPUT_MARK)
        await eventually(lambda: cast("Pinged", viewer.connection).pings > 2 * MISSED_PINGS)
        assert not viewer.ended.is_set()
        viewer.cut()


async def test_a_stopping_server_says_so(world: World) -> None:
    worker = await world.start()
    made = await worker.create(QUIET)
    async with worker.view(made["uid"], "control=1") as viewer:
        await viewer.hears("ready")
        await worker.stop()
        assert await viewer.closed() == (1001, "server stopping")


async def test_a_stop_waits_for_nobodys_input(world: World) -> None:
    worker = await world.start()
    made = await worker.create(DEAF)
    async with worker.view(made["uid"], "cursor=0") as viewer:
        await viewer.shows(b"ready")
        await viewer.send(b"x" * 2 * INPUT_MARK)
        await viewer.send(b"x" * 2 * INPUT_MARK)
        session = worker.service.held(made["uid"])
        await eventually(lambda: session.input_waiting > INPUT_MARK)
        async with asyncio.timeout(1):
            await worker.stop()
        assert await viewer.closed() == (1001, "server stopping")
