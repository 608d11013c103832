"""A session and its viewers: each gets exactly the bytes from its cursor on, or is told that they are gone."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from gestalt_session.terminal.device import Device
from gestalt_session.terminal.folder import SessionFile, SessionFolder
from gestalt_session.terminal.pacing import Limit
from gestalt_session.terminal.pump import Pump
from gestalt_session.terminal.session import Session
from gestalt_session.terminal.signboard import Subject
from gestalt_session.terminal.states import Status
from gestalt_session.terminal.viewer import Viewer

SEGMENT = 4_000
LARGEST_WRITE = 3_000


class Screen:
    """A socket that remembers: what it was given, at which offset, and what it was told."""

    def __init__(self) -> None:
        self.writable = True
        self.start = 0
        self.data = bytearray()
        self.told: list[dict[str, Any]] = []
        self.skipped: list[tuple[int, int]] = []
        self.closed: tuple[int, str] | None = None

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What it was told of one kind."""
        return [message for message in self.told if message["type"] == kind]

    def output(self, chunk: bytes) -> None:
        self.data += chunk

    def control(self, message: dict[str, Any]) -> None:
        self.told.append(message)
        if message["type"] == "reset":
            self.skipped.append((self.start + len(self.data), message["base"]))
            self.start, self.data = message["base"], bytearray()

    def finish(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


class Nobody:
    """Listens to a session and does nothing."""

    def on_changed(self, session: Session) -> None:
        pass

    def on_signed(self, session: Session, subject: Subject) -> None:
        pass

    def on_question(self, session: Session, end: int, question: bytes) -> asyncio.Future[bytes]:
        raise AssertionError(f"{session.id} asks {question!r} before {end}: there is no screen")

    def on_bell(self, session: Session) -> None:
        pass

    def on_resized(self, session: Session) -> None:
        pass

    def on_activity(self, session: Session, *, active: bool) -> None:
        pass

    def on_pace(self, session: Session, limit: Limit | None) -> None:
        pass


class Host:
    """Writes the journal as the pty host does, and tells the session."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.written = bytearray()
        self.segment = 0
        self.gone: set[int] = set()  # offsets that nobody can read any more

    def write(self, data: bytes, *, inline: bool) -> None:
        offset = len(self.written)
        if offset - self.segment >= SEGMENT or offset - 1 in self.gone:
            self._begin_segment()
            self.session.journal.rotated(offset, self.session.journal.base)
        self._append(data)
        if inline:
            self.session.on_data(offset, data)
        else:
            self.session.on_end(len(self.written))

    def die(self, left: bytes) -> None:
        """Another adopts the terminal and finds `left` in its pipe."""
        self._begin_segment()
        self._append(left)
        self.session.on_adopted(len(self.written))

    def _begin_segment(self) -> None:
        self.segment = len(self.written)
        (self.session.folder.journal / f"{self.segment:020d}").touch()

    def _append(self, data: bytes) -> None:
        with (self.session.folder.journal / f"{self.segment:020d}").open("ab") as file:
            file.write(data)
        self.written += data

    def lose(self, size: int) -> None:
        """The disk is full: nothing of the next bytes is kept."""
        start = len(self.written)
        self.written += bytes(size)
        self.gone |= set(range(start, start + size))
        self.session.on_hole(start, size)

    def trim(self, *, heard: bool) -> None:
        """Drop the oldest segment, if it is not the newest; the worker may find out by itself."""
        paths = sorted(self.session.folder.journal.iterdir())
        if len(paths) > 1:
            paths[0].unlink()
            base = int(paths[1].name)
            self.gone |= set(range(base))
            if heard:
                self.session.journal.rotated(self.segment, base)


class Window:
    """In place of a terminal: it has a size."""

    pid = 1

    def __init__(self) -> None:
        self.size = (80, 24)

    def resize(self, cols: int, rows: int) -> None:
        self.size = (cols, rows)

    def close(self) -> None:
        pass


def session_in(folder: Path, loop: asyncio.AbstractEventLoop) -> Session:
    """A running session without a terminal."""
    at = SessionFolder(folder / "session")
    at.make()
    file = SessionFile(
        uid="u", id="Shell 1", number=1, host="h", title="Shell", role="", command="sh", argv=["sh"], cwd="/",
        cols=80, rows=24, created_at=0.0,
    )  # fmt: skip
    session = Session(file, at, pump=Pump(loop), listener=Nobody(), journal_cap=1 << 26)
    session.status = Status.RUNNING
    return session


class Viewing(RuleBasedStateMachine):
    """Random writes, attachments, stalls, trims: the loop is turned by hand."""

    screens = Bundle("screens")

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.session = session_in(Path(self.folder.name), self.loop)
        self.host = Host(self.session)
        self.window = Window()
        self.session.device = self.window  # type: ignore[assignment]
        self.sizes: dict[Screen, list[tuple[int, int]]] = {}
        self.viewers: dict[Screen, Viewer] = {}
        self.counter = 0

    def _turn(self) -> None:
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def _settle(self) -> None:
        for _ in range(50):
            self._turn()

    @rule(size=st.integers(1, LARGEST_WRITE), inline=st.booleans())
    def write(self, size: int, inline: bool) -> None:  # noqa: FBT001 - hypothesis gives it by name
        self.host.write(self._output(size), inline=inline)

    @rule(left=st.integers(1, LARGEST_WRITE))
    def host_dies(self, left: int) -> None:
        self.host.die(self._output(left))

    def _output(self, size: int) -> bytes:
        self.counter += size // 7 + 1
        return b"".join(b"%06d " % number for number in range(self.counter - size // 7 - 1, self.counter))[:size]

    @rule(target=screens, back=st.integers(0, 5_000))
    def attach(self, back: int) -> Screen:
        screen = Screen()
        screen.start = max(0, self.session.journal.end - back)
        viewer = Viewer(screen, screen.start, readonly=False, now=0.0)
        self.viewers[screen] = viewer
        self.sizes[screen] = []
        self.session.attach(viewer)
        return screen

    @rule(screen=screens)
    def stall(self, screen: Screen) -> None:
        screen.writable = False

    @rule(screen=screens)
    def go_on(self, screen: Screen) -> None:
        screen.writable = True
        if screen in self.viewers:
            self.session.writable_again(self.viewers[screen])

    @rule(screen=screens, cut_off=st.booleans())
    def leave(self, screen: Screen, cut_off: bool) -> None:  # noqa: FBT001 - hypothesis gives it by name
        if screen in self.viewers:
            # A loop is running whenever a session is used for real.
            viewer = self.viewers.pop(screen)
            self.loop.call_soon(lambda: self.session.detach(viewer, cut_off=cut_off))
            self._turn()

    @rule(heard=st.booleans())
    def trim(self, heard: bool) -> None:  # noqa: FBT001 - hypothesis gives it by name
        self.host.trim(heard=heard)

    @rule(size=st.integers(1, LARGEST_WRITE))
    def lose(self, size: int) -> None:
        self.host.lose(size)

    @rule(cols=st.integers(79, 81), rows=st.integers(24, 25))
    def resize(self, cols: int, rows: int) -> None:
        if (cols, rows) != self.window.size:
            for screen in self.viewers:
                self.sizes[screen].append((cols, rows))
        self.session.resize(cols, rows)
        assert self.window.size == (cols, rows)

    @rule()
    def turn(self) -> None:
        self._turn()

    @invariant()
    def what_was_given_is_what_was_written(self) -> None:
        for screen in self.viewers:
            end = screen.start + len(screen.data)
            assert bytes(screen.data) == self.host.written[screen.start : end]

    @invariant()
    def what_was_skipped_is_gone(self) -> None:
        for screen in self.viewers:
            assert all(start < base and self.host.gone.issuperset(range(start, base)) for start, base in screen.skipped)

    @invariant()
    def every_new_size_is_told_once(self) -> None:
        assert self.window.size == (self.session.file.cols, self.session.file.rows)
        for screen in self.viewers:
            assert [(told["cols"], told["rows"]) for told in screen.of("resize")] == self.sizes[screen]

    def teardown(self) -> None:
        for screen, viewer in self.viewers.items():
            screen.writable = True
            self.session.writable_again(viewer)
        self._settle()
        for screen in self.viewers:
            assert screen.start + len(screen.data) == len(self.host.written), "everybody gets everything in the end"
        self.session.exited(0, 1.0)
        self._settle()
        for screen in self.viewers:
            assert screen.told[-1] == {"type": "exit", "exit_code": 0}
            assert screen.closed == (1000, "session closed")
        self.session.abandon()
        self.loop.close()
        self.folder.cleanup()


TestViewing = Viewing.TestCase
TestViewing.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


async def test_a_size_told_before_a_viewer_watches_leaves_nobody_behind(tmp_path: Path) -> None:
    session = session_in(tmp_path, asyncio.get_running_loop())
    early, late = Screen(), Screen()
    viewer = Viewer(early, 0, readonly=False, now=0.0)
    session.resized_by(viewer, 100, 40)
    assert early.told == []
    session.attach(viewer)
    session.detach(viewer, cut_off=False)
    session.attach(Viewer(late, 0, readonly=False, now=0.0))
    assert [word["you"] for word in late.of("leader")] == [True]


async def test_a_viewer_gets_the_last_byte_then_the_exit_then_a_close(tmp_path: Path) -> None:
    session = session_in(tmp_path, asyncio.get_running_loop())
    screen = Screen()
    session.attach(Viewer(screen, 0, readonly=False, now=0.0))
    Host(session).write(b"last words", inline=False)
    session.exited(-15, 1.0)
    async with asyncio.timeout(5):
        while screen.closed is None:  # noqa: ASYNC110 - the fake socket has no event
            await asyncio.sleep(0)
    assert bytes(screen.data) == b"last words"
    assert screen.of("exit") == screen.told[-1:] == [{"type": "exit", "exit_code": -15}]
    assert screen.closed == (1000, "session closed")
    session.abandon()


async def test_what_a_program_asks_before_its_start_is_noted_is_answered_then(tmp_path: Path) -> None:
    session = session_in(tmp_path, asyncio.get_running_loop())
    session.status = Status.STARTING
    Host(session).write(b"\x1b[c", inline=True)
    reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    session.started(Device(1, [writer, *(os.dup(reader) for _ in range(3))]))
    assert os.read(reader, 100) == b"\x1b[?1;2c"
    session.abandon()
    os.close(reader)


async def test_an_end_is_noted_once(tmp_path: Path) -> None:
    session = session_in(tmp_path, asyncio.get_running_loop())
    session.exited(0, 1.0)
    session.exited(9, 2.0)
    assert (session.status, session.exit_code, session.closed_at) == (Status.CLOSED, 0, 1.0)
    session.abandon()
