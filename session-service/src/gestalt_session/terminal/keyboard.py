"""A session's input: first come, first typed, one request never inside another, at the terminal's own pace."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from dataclasses import dataclass, field

MOST_WAITING = 8 * 1024 * 1024  # bytes of input a session may owe its terminal; more is refused, not remembered


class NotReading(Exception):
    """The program did not take the input in time; `taken` bytes had reached the terminal."""

    def __init__(self, taken: int) -> None:
        super().__init__(f"{taken} bytes were taken before the time was up")
        self.taken = taken


class KeyboardFull(Exception):
    """Too much input is waiting already."""


class KeyboardClosed(Exception):
    """The terminal has ended; `taken` bytes had reached it."""

    def __init__(self, taken: int = 0) -> None:
        super().__init__("the terminal has ended")
        self.taken = taken


@dataclass(eq=False)
class Stroke:
    """What is typed as one: never inside another. `done` when the terminal has it."""

    data: memoryview
    done: asyncio.Future[None]
    taken: int = 0
    given_up: bool = field(default=False)

    @property
    def over(self) -> bool:
        """Whether nothing more of it is to be typed."""
        return self.given_up or self.taken == len(self.data)


class Keyboard:
    """Writes to one terminal's master, in order. Everything runs on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, master: int) -> None:
        self._loop = loop
        self._master = master
        self._strokes: deque[Stroke] = deque()
        self._waiting = 0
        self._watched = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """Bytes that have not reached the terminal yet."""
        return self._waiting

    async def type(self, data: bytes, *, seconds: float) -> None:
        """Type `data`; returns when all of it is in the terminal.

        Raises NotReading when that takes longer (what is left is not typed any more), KeyboardFull, KeyboardClosed.
        """
        stroke = self.press(data)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(stroke.done)
        except TimeoutError:
            self._give_up(stroke)
            raise NotReading(stroke.taken) from None
        except asyncio.CancelledError:
            stroke.done.cancel()  # a client that hung up after a whole body cancels nothing: the bytes stay in line
            raise

    def press(self, data: bytes) -> Stroke:
        """Put `data` in line without waiting for it. Raises KeyboardFull, KeyboardClosed."""
        if self._closed:
            raise KeyboardClosed
        if self._waiting + len(data) > MOST_WAITING:
            raise KeyboardFull
        stroke = Stroke(memoryview(data), self._loop.create_future())
        self._strokes.append(stroke)
        self._waiting += len(data)
        if not self._watched:
            self._write()
        return stroke

    def close(self) -> None:
        """The terminal has ended: whoever waits is told how much was taken."""
        self._closed = True
        self._watch(wanted=False)
        while self._strokes:
            stroke = self._strokes.popleft()
            self._settle(stroke, KeyboardClosed(stroke.taken))
        self._waiting = 0

    def _write(self) -> None:
        while self._strokes:
            stroke = self._strokes[0]
            if not stroke.given_up and not self._write_some(stroke):
                return
            if stroke.over:
                self._strokes.popleft()
                self._settle(stroke, None)
        self._watch(wanted=False)

    def _write_some(self, stroke: Stroke) -> bool:
        """Write what the terminal takes; False when it takes nothing now."""
        try:
            count = os.write(self._master, stroke.data[stroke.taken :])
        except BlockingIOError:
            self._watch(wanted=True)
            return False
        except OSError:
            self._loop.call_soon(self.close)  # the program is gone; its exit is about to be told
            return False
        stroke.taken += count
        self._waiting -= count
        return True

    def _give_up(self, stroke: Stroke) -> None:
        stroke.given_up = True
        self._waiting -= len(stroke.data) - stroke.taken
        self._write()

    def _settle(self, stroke: Stroke, failure: Exception | None) -> None:
        if stroke.done.done():
            return
        if failure is None:
            stroke.done.set_result(None)
        else:
            stroke.done.set_exception(failure)
            stroke.done.exception()  # a viewer's keystroke has nobody who would collect it

    def _watch(self, *, wanted: bool) -> None:
        if wanted == self._watched:
            return
        self._watched = wanted
        if wanted:
            self._loop.add_writer(self._master, self._write)
        else:
            self._loop.remove_writer(self._master)
