"""One terminal in the screen process: it follows a session's journal, from the last checkpoint on. Blocking."""

from __future__ import annotations

import time
from contextlib import suppress

import structlog

from gestalt_session.screen.checkpoints import EVERY_BYTES, Checkpoint, Checkpoints
from gestalt_session.screen.engine import SLICE, Engine, Picture, Stuck, TooLarge, cells_of
from gestalt_session.terminal.folder import SessionFolder
from gestalt_session.terminal.journal import Journal, Trimmed
from gestalt_session.terminal.recording import SizeMark, sizes_of

CHECKPOINT_LIMIT = 256 * 1024
"""Bytes of a redraw: what a viewer gets at most."""

SMALLEST_SLICE = 1024
TURN_SECONDS = 0.05
"""A slice that takes longer keeps others waiting: the next one is smaller."""

log = structlog.get_logger()


class Follower:
    """A terminal at `offset`, which is always between two sequences and two characters."""

    def __init__(self, engine: Engine, number: int, folder: SessionFolder) -> None:
        """Take it up where the newest checkpoint left it. Raises OSError, msgspec.MsgspecError, Stuck."""
        self.told = 0
        self._engine = engine
        self._number = number
        self._folder = folder
        self._file = folder.load()
        self._journal = Journal(folder.journal)
        self._checkpoints = Checkpoints(folder.path / "screens")
        self._marks: list[SizeMark] = []
        self._marks_size = -1
        self._applied = 0
        self._skimmed: int | None = None
        self._slice = SLICE
        self.cells = 0
        """What it takes of memory, at the most."""
        self._too_large = ""
        """Why nothing is shown: its size is beyond memory. It is followed anew from its next size on."""
        self.offset = self._kept = self._journal.base
        self._look_at_sizes()
        self._restore(self._journal.end)

    @property
    def behind(self) -> bool:
        """Whether there may be something to read, or a size to take."""
        return self._position < self.told or self._due_size(self.told) is not None

    @property
    def _position(self) -> int:
        return self.offset if self._skimmed is None else self._skimmed

    def tell(self, end: int) -> None:
        """The journal reaches to `end`."""
        self.told = max(self.told, end)
        self._journal.end = max(self._journal.end, end)
        self._look_at_sizes()

    def advance(self, most: int | None = None) -> bool:
        """One slice, of what is before `most`; whether there is more to do now."""
        size = self._due_size(self._position)
        if size is not None:
            self._resize(size)
            return self.behind
        mark = next(iter(self._marks[self._applied :]), None)
        bounds = (self.told, most, None if mark is None else mark.offset)
        stop = min(bound for bound in bounds if bound is not None)
        try:
            taken = self._read(stop)
        except Trimmed as trimmed:
            taken = self._skip(trimmed)
        except Stuck:
            self._give_up()
            return self.behind
        if not taken and mark is not None and stop == mark.offset < self.told:
            self._resize(mark)  # within a sequence: it has no effect before its end
            return True
        self._keep_if_due()
        return taken and self.behind

    def picture(self, limit: int) -> Picture:
        """What it shows. Raises Stuck, TooLarge."""
        self._must_fit()
        return self._engine.picture(self._number, limit)

    def ask(self, question: bytes) -> bytes:
        """What it answers to that, as it is now. Raises Stuck, TooLarge."""
        self._must_fit()
        return self._engine.ask(self._number, question)

    def lines(self) -> list[str]:
        """Its rows as text. Raises Stuck, TooLarge."""
        self._must_fit()
        return self._engine.lines(self._number)

    def close(self) -> None:
        """Keep where it is, and let go."""
        self.keep_last()
        self.drop()

    def drop(self) -> None:
        """Let go of it as it is."""
        self._engine.drop(self._number)
        self._journal.release()

    def keep_last(self) -> None:
        """Keep where it is, for whoever follows it next."""
        if self.offset > self._kept and not self._too_large:
            with suppress(OSError, Stuck):  # the next one reads a little more
                self._keep()

    # -- reading ---------------------------------------------------------------------------------------------------

    def _read(self, stop: int) -> bool:
        """Feed up to `stop`; whether anything came of it."""
        if stop <= self._position:
            return False
        if self._too_large:
            self.offset, self._skimmed = stop, None
            return True
        data = self._bytes(self._position, min(self._slice, stop - self._position))
        if not data:
            return False
        if self._skimmed is not None:
            return self._skim(data, first=False)
        begun = time.monotonic()
        taken = self._engine.feed(self._number, data)
        self.offset += taken
        if taken:
            self._fit_slice(time.monotonic() - begun)
            return True
        return self._look_further(data, stop)

    def _look_further(self, data: bytes, stop: int) -> bool:
        """All of it begins one sequence: it goes on behind, or in what will come, or a hole has cut it off."""
        end = self._position + len(data)
        if len(data) == SLICE:
            return self._skim(data, first=True)
        if len(data) == self._slice:
            self._slice = min(2 * self._slice, SLICE)
            return True
        if end < stop:
            self.offset = end
        return end < stop

    def _fit_slice(self, seconds: float) -> None:
        wanted = self._slice // 2 if seconds > TURN_SECONDS else self._slice * 2
        self._slice = max(SMALLEST_SLICE, min(wanted, SLICE))

    def _skim(self, data: bytes, *, first: bool) -> bool:
        """A sequence longer than a slice has no effect on the screen: it is passed over, without its content."""
        ended = self._engine.skim(self._number, data, first=first)
        if ended:
            self.offset, self._skimmed = self._position + ended, None
        else:
            self._skimmed = self._position + len(data)
        return True

    def _bytes(self, offset: int, limit: int) -> bytes:
        """Up to `limit` bytes over segments: a sequence may begin in one and end in the next. Raises Trimmed."""
        data = self._part(offset, limit)
        with suppress(Trimmed):
            while data and len(data) < limit and (more := self._part(offset + len(data), limit - len(data))):
                data += more
        return data

    def _part(self, offset: int, limit: int) -> bytes:
        try:
            return self._journal.read(offset, limit)
        except Trimmed:
            self._journal.rescan()  # a new segment looks like a hole until it is known
            return self._journal.read(offset, limit)

    def _skip(self, trimmed: Trimmed) -> bool:
        """What was to be read is gone: a hole is nothing to a terminal, a trimmed journal is another beginning."""
        if trimmed.reason == "trimmed":
            log.info("a screen is behind its journal", session=self._file.id, bytes=trimmed.resume - self.offset)
            self._begin_at(trimmed.resume)
        self.offset, self._skimmed = trimmed.resume, None
        return True

    def _give_up(self) -> None:
        """What hangs the parser is tried again in small pieces; the smallest that does is left out."""
        bad, smallest = self._position, self._slice == SMALLEST_SLICE
        self._restore(bad)
        self._skimmed, self._slice = None, SMALLEST_SLICE
        if smallest:
            log.warning("output that a terminal cannot show in time is passed over", session=self._file.id, offset=bad)
            self.offset = min(bad + SMALLEST_SLICE, self.told)

    # -- sizes -----------------------------------------------------------------------------------------------------

    def _look_at_sizes(self) -> None:
        with suppress(OSError):
            size = self._folder.sizes.stat().st_size
            if size != self._marks_size:
                self._marks_size = size
                self._marks = sizes_of(self._folder, self._file)
        if not self._marks:
            self._marks = sizes_of(self._folder, self._file)

    def _due_size(self, position: int) -> SizeMark | None:
        waiting = self._marks[self._applied :][:1]
        return waiting[0] if waiting and waiting[0].offset <= position else None

    def _resize(self, mark: SizeMark) -> None:
        self._applied += 1
        if self._too_large:
            self._open(mark.cols, mark.rows)
            return
        try:
            self._engine.resize(self._number, mark.cols, mark.rows)
            self.cells = cells_of(mark.cols, mark.rows)
        except TooLarge as error:
            self._too_large = str(error)
        if self._due_size(self._position) is None:
            self._keep_if_possible()  # lines have flowed anew: it is not to be had from what came before

    def _open(self, cols: int, rows: int) -> None:
        try:
            self._engine.open(self._number, cols, rows)
            self.cells, self._too_large = cells_of(cols, rows), ""
        except TooLarge as error:
            self._too_large = str(error)

    def _must_fit(self) -> None:
        if self._too_large:
            raise TooLarge(self._too_large)

    # -- checkpoints -----------------------------------------------------------------------------------------------

    def _restore(self, most: int) -> None:
        found = self._checkpoints.newest(self._journal.base, most)
        if found is None:
            self._begin_at(self._journal.base)
            return
        self._open(found.cols, found.rows)
        self._feed_all(found.redraw)
        self.offset = self._kept = found.offset
        self._applied = found.sizes

    def _feed_all(self, data: bytes) -> None:
        position = 0
        while position < len(data):
            taken = self._engine.feed(self._number, data[position : position + SLICE])
            if not taken:
                return
            position += taken

    def _begin_at(self, offset: int) -> None:
        """An empty terminal of the size that it had there."""
        known = [index for index, mark in enumerate(self._marks) if mark.offset <= offset]
        self._applied = (known[-1] if known else 0) + 1
        size = self._marks[self._applied - 1]
        self._open(size.cols, size.rows)
        self.offset = self._kept = offset

    def _keep_if_due(self) -> None:
        if self.offset - self._kept >= EVERY_BYTES:
            self._keep_if_possible()

    def _keep_if_possible(self) -> None:
        if self._skimmed is not None or self._too_large:
            return
        try:
            self._keep()
        except (OSError, Stuck) as error:
            log.warning("a screen could not be kept", session=self._file.id, error=str(error))
        self._kept = self.offset

    def _keep(self) -> None:
        shown = self.picture(CHECKPOINT_LIMIT)
        redraw = shown.redraw.encode("utf-8", "replace")
        kept = Checkpoint(self.offset, shown.cols, shown.rows, self._applied, redraw)
        self._journal.rescan()  # the host drops segments without a word to us
        self._checkpoints.keep(kept, self._journal.base)
        self._kept = self.offset
