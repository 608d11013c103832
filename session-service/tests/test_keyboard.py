"""What is typed reaches the terminal in order and whole, or its sender is told how much did."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator

import pytest

from gestalt_session.terminal.keyboard import MOST_WAITING, Keyboard, KeyboardClosed, KeyboardFull, NotReading

LARGE = 300_000  # more than a pipe holds


@pytest.fixture
def line() -> Iterator[tuple[int, int]]:
    """A pipe in place of a terminal: reader, and the writer a keyboard types into."""
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    yield reader, writer
    os.close(reader)
    os.close(writer)


async def read(reader: int, count: int) -> bytes:
    data = b""
    async with asyncio.timeout(5):
        while len(data) < count:
            try:
                data += os.read(reader, count - len(data))
            except BlockingIOError:
                await asyncio.sleep(0)
    return data


async def test_a_program_that_does_not_read_is_reported_with_what_was_taken(line: tuple[int, int]) -> None:
    keyboard = Keyboard(asyncio.get_running_loop(), line[1])
    with pytest.raises(NotReading) as refused:
        await keyboard.type(b"x" * LARGE, seconds=0.05)
    assert 0 < refused.value.taken < LARGE
    assert keyboard.waiting == 0
    assert await read(line[0], refused.value.taken) == b"x" * refused.value.taken
    keyboard.close()


async def test_too_much_is_refused_not_remembered(line: tuple[int, int]) -> None:
    keyboard = Keyboard(asyncio.get_running_loop(), line[1])
    with pytest.raises(KeyboardFull):
        keyboard.press(b"x" * (MOST_WAITING + 1))
    keyboard.close()


async def test_after_its_end_nothing_is_typed(line: tuple[int, int]) -> None:
    keyboard = Keyboard(asyncio.get_running_loop(), line[1])
    keyboard.close()
    with pytest.raises(KeyboardClosed):
        keyboard.press(b"x")


async def test_who_waits_when_the_terminal_ends_is_told(line: tuple[int, int]) -> None:
    keyboard = Keyboard(asyncio.get_running_loop(), line[1])
    waiting = asyncio.ensure_future(keyboard.type(b"x" * LARGE, seconds=5))
    await asyncio.sleep(0)
    keyboard.close()
    with pytest.raises(KeyboardClosed):
        await waiting


async def test_requests_are_typed_in_order_and_never_inside_one_another(line: tuple[int, int]) -> None:
    keyboard = Keyboard(asyncio.get_running_loop(), line[1])
    parts = [bytes([65 + number]) * LARGE for number in range(4)]
    async with asyncio.TaskGroup() as typing:
        for part in parts:
            typing.create_task(keyboard.type(part, seconds=10))
        received = typing.create_task(read(line[0], 4 * LARGE))
    assert received.result() == b"".join(parts)
    keyboard.close()


async def test_a_client_that_hangs_up_cancels_nothing_that_it_sent(line: tuple[int, int]) -> None:
    keyboard = Keyboard(asyncio.get_running_loop(), line[1])
    typing = asyncio.ensure_future(keyboard.type(b"x" * LARGE, seconds=10))
    await asyncio.sleep(0)
    typing.cancel()
    assert await read(line[0], LARGE) == b"x" * LARGE
    keyboard.close()
