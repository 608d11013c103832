"""One session: its journal, its viewers, its keyboard, its state. It knows no HTTP, no Redis, no pty host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from gestalt_session.terminal.audience import Audience
from gestalt_session.terminal.bursts import Bursts
from gestalt_session.terminal.device import Device
from gestalt_session.terminal.dialogue import Dialogue
from gestalt_session.terminal.folder import TMUX_RUNNER, SessionFile, SessionFolder
from gestalt_session.terminal.journal import Journal, Trimmed
from gestalt_session.terminal.keyboard import Keyboard
from gestalt_session.terminal.last_line import last_line
from gestalt_session.terminal.leader import Leader
from gestalt_session.terminal.observer import SessionListener
from gestalt_session.terminal.occupation import Occupation
from gestalt_session.terminal.partner import SessionPartner
from gestalt_session.terminal.pump import Pump
from gestalt_session.terminal.signboard import Signboard
from gestalt_session.terminal.states import Happening, Status, after
from gestalt_session.terminal.theme import Look
from gestalt_session.terminal.viewer import LARGEST_CHUNK, Viewer

IDLE_SECONDS = 10.0  # this long without output and a session is idle

log = structlog.get_logger()


class Session:
    """A terminal from its creation to the end of its retention."""

    def __init__(
        self,
        file: SessionFile,
        folder: SessionFolder,
        *,
        pump: Pump,
        listener: SessionListener,
        journal_cap: int,
        look: Look = Look.DARK,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.file = file
        self.folder = folder
        self.journal = Journal(folder.journal)
        self.status = Status.STARTING
        self.audience = Audience(journal_cap, limit=lambda limit: listener.on_pace(self, limit))
        self.queued = False
        self.device: Device | None = None
        self.keyboard: Keyboard | None = None
        self.exit_code: int | None = None
        self.close_reason: str | None = None
        self.closed_at: float | None = None
        self.last_output_at = self.journal.written_at
        self.last_input_at: float | None = None
        self.holes = 0
        self.occupation = Occupation(file, lambda: listener.on_changed(self))
        self.ended = asyncio.Event()
        self._pump = pump
        self._listener = listener
        self._clock = clock
        self.signboard = Signboard(folder.signs, lambda subject: listener.on_signed(self, subject))
        self._partner = SessionPartner(self, listener, look)
        self._dialogue = Dialogue(
            folder.answered, self._partner, clock=clock, answered_elsewhere=file.runner == TMUX_RUNNER
        )
        self._dialogue.take_over(self.journal.base, self.journal.end)
        self._sizes = Bursts(self._set_size)
        self._leader = Leader(self._sizes.soon, lambda: (self.file.cols, self.file.rows))
        self._active = False
        self._preview = (-1, "")

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def uid(self) -> str:
        """Its name for ever."""
        return self.file.uid

    @property
    def id(self) -> str:
        """Its name while it is listed."""
        return self.file.id

    @property
    def live(self) -> bool:
        """Whether a program may still be running in it."""
        return self.status in {Status.STARTING, Status.RUNNING, Status.CLOSING}

    def last_line(self) -> str:
        """What its terminal said last, as text; looked up when something was written since it was asked for."""
        if self._preview[0] != self.journal.end:
            self._preview = (self.journal.end, last_line(self.journal))
            if not self.live and not self.audience:
                self.journal.release()
        return self._preview[1]

    # -- its life --------------------------------------------------------------------------------------------------

    def adopted(self, device: Device, limit: int | None = None, viewers: int | None = None) -> None:
        """Its program was found running: whoever watched it when the last worker died is about to come back.

        `limit`: up to where it was read meanwhile; `viewers`: how many they were; None if its host does not know.
        """
        self.audience.miss_all(self.journal.end if limit is None else limit, viewers, self._clock())
        self._leader.keep(self._clock())
        self.started(device)
        self._pace(self._clock())

    def started(self, device: Device) -> None:
        """Its program runs."""
        self.device = device
        self.keyboard = device.keyboard(asyncio.get_running_loop())
        self._partner.say_the_rest()
        self._move(Happening.STARTED)
        self._pump.wake(self)

    def failed(self, reason: str) -> None:
        """Its program could not be started."""
        self.close_reason = reason
        self._move(Happening.FAILED)

    def deleting(self) -> None:
        """Somebody wants it gone: its program waits for no viewer any more, or its end could not be seen."""
        self._move(Happening.DELETED)
        self._pace(self._clock())

    def exited(self, exit_code: int | None, ended_at: float, reason: str | None = None) -> None:
        """Its program has ended and its terminal is drained; viewers get what is left, then a Close."""
        if self.status is Status.CLOSED:
            return
        self.exit_code, self.closed_at, self.close_reason = exit_code, ended_at, reason
        self._let_go()
        self._move(Happening.ENDED)
        self.ended.set()
        self._pump.wake(self)

    def was_closed(self, exit_code: int | None, ended_at: float, reason: str | None) -> None:
        """Found ended when the worker started."""
        self.status = Status.CLOSED
        self.exit_code, self.closed_at, self.close_reason = exit_code, ended_at, reason
        self._dialogue.jump(self.journal.end)
        self.ended.set()

    def abandon(self) -> None:
        """The worker stops; the program goes on in its host. Says nothing to anybody."""
        self._let_go()

    def _let_go(self) -> None:
        self._dialogue.close()
        self.signboard.close()
        self._sizes.close()
        if self.keyboard is not None:
            self.keyboard.close()
        if self.device is not None:
            self.device.close()
        self.journal.release()

    def _move(self, happening: Happening) -> None:
        self.status = after(self.status, happening)
        self._listener.on_changed(self)

    # -- output ----------------------------------------------------------------------------------------------------

    def on_data(self, offset: int, data: bytes) -> None:
        """The host has journalled `data`: who is up to date gets it at once."""
        end = offset + len(data)
        self.journal.end = max(self.journal.end, end)
        now = self._noted()
        if self._dialogue.cursor == offset:
            self._dialogue.feed(data)
        for viewer in self.audience.at(offset):
            viewer.give(data, now)
        if end >= self.audience.look_at:
            self._pace(now)
        if self._anything_owed():
            self._pump.wake(self)

    def on_end(self, end: int) -> None:
        """The journal reaches to `end`."""
        if end <= self.journal.end:
            return
        self.journal.end = end
        self._noted()
        self._pump.wake(self)

    def on_adopted(self, end: int) -> None:
        """A new host reads its terminal; what lay in the pipe may have begun a segment that nobody told of."""
        before = self.journal.end
        self.journal.rescan()
        self.journal.end = max(self.journal.end, end)
        if self.journal.end > before:
            self._noted()
            self._pump.wake(self)

    def on_hole(self, start: int, length: int) -> None:
        """The disk was full: `length` bytes at `start` are not in the journal."""
        self.holes += length
        self.on_end(start + length)
        self._listener.on_changed(self)

    def serve(self) -> bool:
        """One turn of the pump: one chunk for everybody who can take one; whether more is owed."""
        now = self._clock()
        self.audience.renew(self.journal.end)
        for cursor, viewers in self._readers().items():
            self._serve_group(cursor, viewers, now)
        if self.status is Status.CLOSED:
            self.audience.say_goodbye(self.journal.end, self.exit_code)
            if not self.audience:
                self.journal.release()
        self._pace(now)
        return self._anything_owed()

    def _readers(self) -> dict[int, list[Viewer]]:
        """Viewers that want and can take bytes, by cursor; the scanner's cursor is one of the keys if it is behind."""
        groups: dict[int, list[Viewer]] = {}
        end = self.journal.end
        if self._dialogue.cursor < end:
            groups[self._dialogue.cursor] = []
        for viewer in self.audience.behind(end):
            groups.setdefault(viewer.cursor, []).append(viewer)
        return groups

    def _serve_group(self, cursor: int, viewers: list[Viewer], now: float) -> None:
        try:
            # Chunks end at multiples of that, so that viewers at different places soon share them.
            chunk = self.journal.read(cursor, LARGEST_CHUNK - cursor % LARGEST_CHUNK)
        except Trimmed as trimmed:
            self._skip(cursor, viewers, trimmed)
            return
        if cursor == self._dialogue.cursor:
            self._dialogue.feed(chunk)
        for viewer in viewers:
            viewer.give(chunk, now)

    def _skip(self, cursor: int, viewers: list[Viewer], trimmed: Trimmed) -> None:
        if cursor == self._dialogue.cursor:
            self._dialogue.jump(trimmed.resume)
        for viewer in viewers:
            viewer.move(trimmed.resume, trimmed.reason)

    def _anything_owed(self) -> bool:
        end = self.journal.end
        return self._dialogue.cursor < end or bool(self.audience.behind(end))

    def _noted(self) -> float:
        self.last_output_at = time.time()
        if not self._active:
            self._active = True
            self._listener.on_activity(self, active=True)
        self._listener.on_changed(self)
        return self._clock()

    def settle(self, now: float) -> None:
        """Housekeeping, once a second: notice quiet, look at the pace again, and who leads."""
        self._leader.settle(now)
        if self._active and time.time() - (self.last_output_at or 0.0) >= IDLE_SECONDS:
            self._active = False
            self._listener.on_activity(self, active=False)
        self._pace(now)

    # -- viewers ---------------------------------------------------------------------------------------------------

    def attach(self, viewer: Viewer) -> None:
        """Add a viewer; it has been told `ready`."""
        self.audience.add(viewer, self._clock())
        self._leader.came(viewer)
        self._listener.on_changed(self)
        self._pump.wake(self)

    def detach(self, viewer: Viewer, *, cut_off: bool) -> None:
        """Remove a viewer. One that kept up and was `cut_off` without a Close has a while to come back."""
        now = self._clock()
        self._leader.left(viewer, now, cut_off=cut_off)
        if viewer not in self.audience.viewers:
            return
        self.audience.remove(viewer, now, cut_off=cut_off and self.live)
        if not self.audience and not self.live:
            self.journal.release()
        self._listener.on_changed(self)
        self._pace(now)

    def writable_again(self, viewer: Viewer) -> None:
        """A viewer's socket takes more."""
        if viewer.cursor < self.journal.end or self.status is Status.CLOSED:
            self._pump.wake(self)

    def pace_anew(self) -> None:
        """A new host reads the terminal, and knows nothing of waiting."""
        self.audience.pace_anew(self._clock(), running=self.status is Status.RUNNING)

    def _pace(self, now: float) -> None:
        self.audience.pace(now, running=self.status is Status.RUNNING)

    # -- input -----------------------------------------------------------------------------------------------------

    def typed_by(self, viewer: Viewer, frame: bytes) -> asyncio.Future[None] | None:
        """A writing viewer's frame: keystrokes, or its terminal's replies. Raises what Keyboard.press raises.

        The future is done when the terminal has taken it; None when nothing is to be typed.
        """
        wanted = self._dialogue.admit(frame, viewer)
        if not wanted or self.keyboard is None:
            return None
        typed = self.keyboard.press(wanted).done
        self._leader.typed(viewer)
        self.file.cause = None
        self.last_input_at = time.time()
        self._listener.on_changed(self)
        return typed

    def note_input(self) -> None:
        """Somebody typed."""
        self.last_input_at = time.time()
        self._listener.on_changed(self)

    @property
    def wants_paste(self) -> bool:
        """Whether the program asked for pastes in brackets."""
        return self._dialogue.wants_paste(self.journal)

    @property
    def input_waiting(self) -> int:
        """Bytes typed that the terminal has not taken."""
        return self.keyboard.waiting if self.keyboard is not None else 0

    # -- its size --------------------------------------------------------------------------------------------------

    def resize(self, cols: int, rows: int) -> None:
        """Set the terminal's size."""
        self._sizes.now(cols, rows)

    def resized_by(self, viewer: Viewer, cols: int, rows: int) -> None:
        """A viewer has this size: the terminal gets it if it is its leader's; of many in a moment, the last.

        Of one that waits for its first screen it is kept until it watches.
        """
        viewer.size = (cols, rows)
        if viewer in self.audience.viewers:
            self._leader.wants(viewer, viewer.size)

    def _set_size(self, cols: int, rows: int) -> None:
        if self.device is None or not self.live or (cols, rows) == (self.file.cols, self.file.rows):
            return
        self.device.resize(cols, rows)
        self.file.cols, self.file.rows = cols, rows
        try:
            self.folder.keep_size(self.file, self.journal.end)
        except OSError as error:  # a full disk: the terminal has its size, a recording may not know it
            log.warning("a size could not be kept", session=self.id, error=str(error))
        self.audience.tell({"type": "resize", "cols": cols, "rows": rows})
        self._listener.on_resized(self)
        self._listener.on_changed(self)
