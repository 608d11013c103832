"""asciinema's live protocol: the examples of its description, and sessions watched by it."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from session_world import Running, World, socket_of
from viewing import BEARER
from waiting import eventually
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gestalt_session.alis import AlisSink, leb128

pytestmark = pytest.mark.timeout(60)
in_one_loop = pytest.mark.asyncio(loop_scope="module")
PROTOCOL = "v1.alis"


class Socket:
    """Keeps messages."""

    writable = True

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.closed: int | None = None
        self.reason = ""

    def output(self, chunk: bytes) -> None:
        self.messages.append(chunk)

    def control(self, message: dict[str, Any]) -> None:
        raise AssertionError(message)

    def finish(self, code: int, reason: str) -> None:
        self.closed, self.reason = code, reason


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Player:
    """Reads the messages as a player does; anything that the protocol does not allow is an error."""

    size: tuple[int, int] | None = None
    screen: str = ""
    text: str = ""
    inits: int = 0
    resizes: list[tuple[int, int]] = field(default_factory=list)
    exit_code: int | None = None
    ended: bool = False
    time: int = 0
    number: int = 0
    begun: bool = False

    def hear(self, message: bytes) -> None:
        if not self.begun:
            assert message == b"ALiS\x01"
            self.begun = True
            return
        kind, rest = message[:1], Reader(message[1:])
        if kind == b"\x01":
            self.number, self.time, self.size = rest.number(), rest.number(), (rest.number(), rest.number())
            assert rest.take(1) == b"\0"
            self.inits, self.screen, self.text = self.inits + 1, rest.text(), ""
        elif kind == b"\x04":
            self.ended = True
            rest.number()
        else:
            assert self.size is not None, "an init comes first"
            assert rest.number() == self.number + 1
            self.number, self.time = self.number + 1, self.time + rest.number()
            self._event(kind, rest)
        assert not rest.left

    def _event(self, kind: bytes, rest: Reader) -> None:
        if kind == b"o":
            self.text += rest.text()
        elif kind == b"r":
            self.size = (rest.number(), rest.number())
            self.resizes.append(self.size)
        else:
            assert kind == b"x"
            self.exit_code = rest.number()


class Reader:
    """Numbers and text of a message."""

    def __init__(self, left: bytes) -> None:
        self.left = left

    def take(self, count: int) -> bytes:
        taken, self.left = self.left[:count], self.left[count:]
        assert len(taken) == count
        return taken

    def number(self) -> int:
        value, shift = 0, 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def text(self) -> str:
        return self.take(self.number()).decode()


# -- messages


def test_the_examples_of_its_description() -> None:
    clock, socket = Clock(), Socket()
    sink = AlisSink(socket, age=0.0, clock=clock)
    sink.begin((80, 24), b"Hello!")
    for seconds, act in (
        (0.125, lambda: sink.output(b"ls -la\n")),
        (0.01, lambda: sink.control({"type": "resize", "cols": 100, "rows": 30})),
        (0.5, lambda: sink.control({"type": "exit", "exit_code": 0})),
        (1.0, lambda: sink.finish(1000, "session closed")),
    ):
        clock.now += seconds
        act()
    assert socket.messages == [
        b"ALiS\x01",
        b"\x01\x00\x00\x50\x18\x00\x06Hello!",
        b"o\x01\xc8\xd0\x07\x07ls -la\n",
        b"r\x02\x90\x4e\x64\x1e",
        b"x\x03\xa0\xc2\x1e\x00",
        b"\x04\xc0\x84\x3d",
    ]
    assert socket.closed == 1000


@given(st.integers(0, 2**63))
def test_numbers_are_read_as_they_were_written(number: int) -> None:
    assert Reader(leb128(number)).number() == number


@given(st.binary(max_size=60), st.data())
def test_a_message_holds_whole_characters_however_output_is_cut(said: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(said)), max_size=6)))
    socket, player = Socket(), Player()
    sink = AlisSink(socket, age=1.0)
    sink.begin((80, 24))
    for start, end in zip([0, *cuts], [*cuts, len(said)], strict=True):
        if start < end:
            sink.output(said[start:end])
    for message in socket.messages:
        player.hear(message)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    assert player.text == decoder.decode(said)


def test_what_was_skipped_begins_anew_and_only_the_sessions_end_ends_the_stream() -> None:
    socket, player = Socket(), Player()
    sink = AlisSink(socket, age=1.0)
    sink.begin((80, 24))
    sink.output(b"cut \xe2\x82")
    sink.control({"type": "leader", "you": False})
    sink.control({"type": "snapshot", "cursor": 9, "cols": 90, "rows": 30})
    sink.output("€".encode())
    sink.control({"type": "reset", "base": 10, "reason": "trimmed"})
    sink.output("é".encode())
    sink.finish(1001, "server stopping")
    for message in socket.messages:
        player.hear(message)
    assert (player.inits, player.size, player.text) == (3, (90, 30), "é")
    assert (socket.closed, player.ended) == (1001, False)


@pytest.mark.parametrize(("code", "status"), [(3, 3), (-9, 137), (None, None)])
def test_an_exit_is_told_as_a_shell_tells_it(code: int | None, status: int | None) -> None:
    socket, player = Socket(), Player()
    sink = AlisSink(socket, age=1.0)
    sink.begin((80, 24))
    sink.control({"type": "exit", "exit_code": code})
    for message in socket.messages:
        player.hear(message)
    assert player.exit_code == status


# -- sessions


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seeing(shared: World) -> AsyncIterator[Running]:
    """A worker with a screen process."""
    yield await shared.start(screens=True)


async def watched(worker: Running, ref: str, player: Player, *also: str) -> int:
    """Listen until the server closes; the close code."""
    url = f"ws://127.0.0.1:{worker.port}{socket_of(ref)}?control=1"
    link = connect(url, additional_headers=BEARER, subprotocols=[PROTOCOL, *also], proxy=None)  # type: ignore[list-item]
    async with link as connection:
        assert connection.subprotocol == PROTOCOL
        with suppress(ConnectionClosed):
            await connection.send(b"never typed")
        with suppress(ConnectionClosed):
            async for message in connection:
                assert isinstance(message, bytes)
                player.hear(message)
    return connection.close_code or 0


@in_one_loop
async def test_a_player_sees_the_screen_what_follows_and_the_end(seeing: Running) -> None:
    made = await seeing.create(["sh", "-c", "printf 'h\\303\\251llo'; read go; printf ' more'; exit 3"])
    await seeing.shows(made["uid"], "héllo")
    player = Player()
    async with seeing.view(made["uid"]) as driver, asyncio.TaskGroup() as group:
        watching = group.create_task(watched(seeing, made["uid"], player))
        await eventually(lambda: player.inits)
        await driver.resize(70, 20)
        await eventually(lambda: player.resizes)
        await driver.send(b"\n")
    assert watching.result() == 1000
    assert "héllo" in player.screen
    assert player.text.endswith(" more")
    assert (player.inits, player.resizes, player.exit_code, player.ended) == (1, [(70, 20)], 3, True)
    assert "never" not in player.text


@in_one_loop
async def test_without_screens_it_begins_with_the_last_output(worker: Running) -> None:
    made = await worker.create("printf first; exit 0")
    await worker.closed(made["uid"])
    player = Player()
    assert await watched(worker, made["uid"], player, "gestalt.control") == 1000
    assert (player.inits, player.screen, player.text, player.ended) == (1, "", "first", True)


@in_one_loop
async def test_a_session_that_is_not_there_is_4404_as_for_others(seeing: Running) -> None:
    assert await watched(seeing, "nope", Player()) == 4404
