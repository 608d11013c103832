"""The worker's side of the pty host's wire: answers find their callers, and whatever nobody waits for is let go."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import eventually

from gestalt_ptyhost import wire
from gestalt_ptyhost.wire import Kind, Message
from gestalt_session.terminal import pty_host
from gestalt_session.terminal.orders import Limits
from gestalt_session.terminal.pty_host import CreateFailed, Held, HostGone, PtyHost
from gestalt_session.terminal.terminals import Terminals

HELLO = Message(Kind.HELLO, 0, 0, 0, b'{"wire":1,"version":"1","pid":7,"sessions":[],"retiring":false}')


class Listener:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def on_data(self, number: int, offset: int, data: bytes) -> None:
        self.told.append(("data", number, offset, data))

    def on_end(self, number: int, end: int) -> None:
        self.told.append(("end", number, end))

    def on_adopted(self, number: int, end: int) -> None:
        self.told.append(("adopted", number, end))

    def on_segment(self, number: int, start: int, base: int) -> None:
        self.told.append(("segment", number, start, base))

    def on_hole(self, number: int, start: int, length: int) -> None:
        self.told.append(("hole", number, start, length))

    def on_exit(self, number: int, exit_code: int | None, end: int) -> None:
        self.told.append(("exit", number, exit_code, end))

    def on_unclaimed(self, _: PtyHost, held: Held) -> None:
        wire.close_all(held.descriptors)
        self.told.append(("unclaimed", held.number))

    def on_not_adopted(self, _: PtyHost, number: int, refusal: CreateFailed) -> None:
        self.told.append(("not adopted", number, refusal.errno))

    def on_host_gone(self, _: PtyHost) -> None:
        self.told.append(("gone",))


class Wire:
    """A host by hand: what it says, and what it hears."""

    def __init__(self, folder: Path) -> None:
        ours, self.end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self.end.setblocking(False)
        self.listener = Listener()
        self.host = PtyHost(ours, folder / "host-0.sock", HELLO, [])
        self.host.start(self.listener)

    def says(
        self, kind: int, body: dict[str, Any] | bytes = b"", number: int = 3, offset: int = 0, fds: Any = ()
    ) -> None:
        """One datagram of the host."""
        payload = body if isinstance(body, bytes) else wire.json.dumps(body).encode()
        wire.send(self.end, wire.pack(kind, number, offset, payload), fds)

    async def hears(self) -> Message:
        """The next datagram of the worker."""

        def received() -> Message | None:
            try:
                found = wire.receive(self.end)
            except BlockingIOError:
                return None
            assert found is not None
            return found[0]

        message: Message = await eventually(received)
        return message


@pytest.fixture
async def host(tmp_path: Path) -> Iterator[Wire]:  # type: ignore[misc]
    made = Wire(tmp_path)
    yield made
    made.host.close()
    made.end.close()


async def test_a_program_that_cannot_be_started_says_why(host: Wire) -> None:
    creating = asyncio.create_task(host.host.create(3, {}))
    assert (await host.hears()).kind == Kind.CREATE
    host.says(Kind.FAILED, {"error": "/no/such: No such file or directory", "errno": errno.ENOENT})
    with pytest.raises(CreateFailed, match="/no/such: No such file or directory"):
        await creating


async def test_a_terminal_that_is_not_taken_over_is_told(host: Wire) -> None:
    host.host.adopt(3, 10, {}, [])
    assert (await host.hears()).kind == Kind.ADOPT
    host.says(Kind.FAILED, {"error": "too many open files", "errno": errno.EMFILE})
    await eventually(lambda: host.listener.told == [("not adopted", 3, errno.EMFILE)])


async def test_a_host_that_says_nothing_in_time_is_not_waited_for(host: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pty_host, "CREATE_SECONDS", 0.05)
    with pytest.raises(TimeoutError):
        await host.host.create(3, {})


async def test_a_host_that_dies_fails_what_is_under_way_and_everything_after(host: Wire) -> None:
    creating = asyncio.create_task(host.host.create(3, {}))
    await host.hears()
    host.end.close()
    with pytest.raises(HostGone):
        await creating
    with pytest.raises(HostGone):
        await host.host.create(4, {})
    host.host.limit(3, None)
    assert not await host.host.answers(0.05)
    assert host.listener.told == [("gone",)]


async def test_no_program_is_ordered_behind_orders_that_the_host_does_not_take(host: Wire) -> None:
    for number in range(pty_host.OUTBOX):
        host.host.limit(number, None)
    assert host.host._outbox
    with pytest.raises(HostGone, match="does not take orders"):
        await host.host.create(3, {"argv": ["x" * 50_000]})


async def test_a_started_program_comes_with_its_descriptors(host: Wire) -> None:
    creating = asyncio.create_task(host.host.create(3, {"argv": ["a"]}))
    assert wire.json_of(await host.hears()) == {"argv": ["a"]}
    ends = os.pipe()
    host.says(Kind.CREATED, {"pid": 9}, fds=[ends[0], ends[1], ends[0], ends[1]])
    held = await creating
    assert (held.number, held.facts["pid"], len(held.descriptors)) == (3, 9, 4)
    wire.close_all([*held.descriptors, *ends])


async def test_a_program_that_nobody_waits_for_any_more_is_told(host: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pty_host, "CREATE_SECONDS", 0.02)
    with pytest.raises(TimeoutError):
        await host.host.create(3, {})
    host.says(Kind.CREATED, {"pid": 9})
    await eventually(lambda: host.listener.told == [("unclaimed", 3)])


async def test_everything_else_is_passed_on(host: Wire) -> None:
    host.says(Kind.DATA, b"bytes", offset=5)
    host.says(Kind.END, offset=10)
    host.says(Kind.SESSION, offset=11)
    host.says(Kind.SEGMENT, {"base": 2}, offset=8)
    host.says(Kind.HOLE, {"length": 4}, offset=10)
    host.says(100, b"a later release's word", fds=[0])
    host.says(Kind.EXIT, {"exit_code": None}, offset=14)
    await eventually(lambda: len(host.listener.told) == 6)
    assert host.listener.told == [
        ("data", 3, 5, b"bytes"),
        ("end", 3, 10),
        ("adopted", 3, 11),
        ("segment", 3, 8, 2),
        ("hole", 3, 10, 4),
        ("exit", 3, None, 14),
    ]


async def test_a_word_that_must_not_be_ignored_ends_the_connection(host: Wire) -> None:
    host.says(wire.FIRST_FATAL_KIND)
    await eventually(lambda: host.listener.told == [("gone",)])


async def test_a_host_that_answers_lives_and_one_that_does_not_hangs(host: Wire) -> None:
    asking = asyncio.create_task(host.host.answers(5))
    assert (await host.hears()).kind == Kind.PING
    host.says(Kind.PONG)
    assert await asking
    assert not await host.host.answers(0.05)


async def test_orders_wait_for_a_busy_host_and_arrive_in_order(host: Wire) -> None:
    for number in range(2_000):
        host.host.limit(number, None)
    assert [(await host.hears()).session for _ in range(2_000)] == list(range(2_000))


async def test_a_host_that_takes_no_orders_counts_as_gone(host: Wire) -> None:
    for number in range(3 * pty_host.OUTBOX):
        host.host.limit(number, None)
    await eventually(lambda: host.listener.told == [("gone",)])


# -- what the worker does with what nobody claims


class Nobody:
    """Observes nothing."""

    def __getattr__(self, _: str) -> Any:
        return lambda *_args, **_how: None


async def test_a_program_that_starts_after_it_was_given_up_is_hung_up(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec("sleep", "600", start_new_session=True)
    made = Wire(tmp_path)
    terminals = Terminals(tmp_path, Limits(journal=1 << 20, segment=1 << 16, budget=1 << 24), Nobody())
    ends = os.pipe()
    terminals.on_unclaimed(made.host, Held(3, 0, {"pid": process.pid}, [os.dup(ends[0]) for _ in range(4)]))
    assert await process.wait() in {-signal.SIGHUP, -signal.SIGKILL}
    assert (await made.hears()).kind == Kind.FORGET
    wire.close_all(ends)
    made.host.close()
    made.end.close()
