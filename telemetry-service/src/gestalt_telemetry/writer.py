"""The writer process: `python -m gestalt_telemetry.writer FD`. Takes what the service was sent, commits in groups.

One thread: read what is there, decode, store, commit, answer. At once when idle; together when much waits. It ends when
the service's end of the socket closes, however the service died.
"""

from __future__ import annotations

import fcntl
import gc
import select
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog

from gestalt_serving import logs
from gestalt_telemetry.otlp.values import Malformed
from gestalt_telemetry.store.intake import MS, TooLarge, beyond, decoded
from gestalt_telemetry.store.keeper import Keeper, Limits, check_file
from gestalt_telemetry.store.schema import is_damage
from gestalt_telemetry.store.segment import TEXT_GROUP
from gestalt_telemetry.store.wire import Done, Frames, SetAside, State, Write, framed, of_service

GROUP_RECORDS = 2_000
"""Records in one transaction, about 30 ms: larger ones cost no less a record, and everybody else waits longer."""

GROUP_BYTES = 1024 * 1024  # read before something is stored
READ_BYTES = 1024 * 1024
IDLE_SECONDS = 0.05  # of silence: then waiting texts are put into the index
CARE_SECONDS = 2.0  # between looks at what is too old or too much
RETRY_SECONDS = 5.0  # until texts are indexed again after a failure: the disk may be full
LOCK_SECONDS = 10.0  # a predecessor that is still committing holds the folder
LOCK_LOOK_SECONDS = 0.01

log = structlog.get_logger()


class Config(msgspec.Struct):
    """What the service tells its writer at the start."""

    folder: str
    limits: Limits
    body_limit: int


class Writer:
    """The loop over one socket."""

    def __init__(self, connection: socket.socket, keeper: Keeper, body_limit: int) -> None:
        self._connection = connection
        self._keeper = keeper
        self._body_limit = body_limit
        self._frames = Frames()
        self._waiting: deque[Write] = deque()
        self._cared = 0.0
        self._index_after = 0.0
        self._checked: deque[tuple[int, str]] = deque()
        self._said_last = 0
        self._woken, self._wake = socket.socketpair()  # the check of segments has something to say

    def run(self) -> None:
        """Until the service is gone."""
        self._tell_state()
        threading.Thread(target=self._check_all, name="check-segments", daemon=True).start()
        while self._read():
            if self._waiting:
                self._store_group()
            self._care()

    # -- reading

    def _read(self) -> bool:
        """Take in what is there, waiting if there is nothing to do; False when the service is gone."""
        while True:
            wait = 0.0 if self._waiting else IDLE_SECONDS if self._keeper.active.texts_wait else CARE_SECONDS
            ready = select.select([self._connection, self._woken], [], [], wait)[0]
            if self._woken in ready:
                self._woken.recv(READ_BYTES)
            if self._connection not in ready:
                return self._idle() if not (self._waiting or ready) else True
            data = self._connection.recv(READ_BYTES)
            if not data:
                return False
            for frame in self._frames.feed(data):
                self._take(of_service(frame))
            if sum(len(write.body) for write in self._waiting) >= GROUP_BYTES:
                return True

    def _idle(self) -> bool:
        self._index_texts()
        self._merge_texts()
        return True

    def _merge_texts(self) -> None:
        """While nobody wants anything."""
        with suppress(sqlite3.Error):  # what is not merged is only slower to search
            while not select.select([self._connection], [], [], 0)[0] and self._keeper.active.merge_texts():
                pass

    def _take(self, message: Write | SetAside) -> None:
        if isinstance(message, SetAside):
            self._checked.append((message.number, message.reason))
        else:
            self._waiting.append(message)

    # -- storing

    def _store_group(self) -> None:
        """Commit what waits, up to a group; then answer all of it."""
        segment = self._keeper.active
        before, answers, taken = segment.records, list[Done](), list[int]()
        try:
            segment.begin()
            while self._waiting and segment.records - before < GROUP_RECORDS:
                write = self._waiting.popleft()
                taken.append(write.id)
                answers.append(self._store(write))
            segment.commit()
        except (sqlite3.Error, OSError) as error:
            answers = self._failed(taken, error)
        self._answer(answers)
        if self._keeper.active.texts_wait >= TEXT_GROUP:
            self._index_texts()
        if self._keeper.full():
            self._keeper.follow()
            self._cared = 0.0  # there is more to drop now, or too much
            self._tell_state()

    def _index_texts(self) -> None:
        """What cannot be put into the index is searched one by one meanwhile, and tried again later."""
        if time.monotonic() < self._index_after:
            return
        try:
            self._keeper.active.index_texts()
        except sqlite3.Error as error:
            self._index_after = time.monotonic() + RETRY_SECONDS
            log.error("texts could not be indexed", reason=str(error))  # noqa: TRY400 - one line is enough

    def _failed(self, taken: list[int], error: Exception) -> list[Done]:
        """Nothing of the group is stored: say so for each."""
        log.error("telemetry could not be stored", reason=str(error))
        if is_damage(error):
            self._keeper.set_aside(self._keeper.active.number, str(error))
            self._tell_state(dropped=True)
        else:
            self._keeper.active.rollback()
        return [Done(id_, "failed", 0, str(error)) for id_ in taken]

    def _store(self, write: Write) -> Done:
        mark = f"source:{write.form}"
        segment = self._keeper.active
        try:
            if write.mark and not beyond(write.mark, segment.marks.get(mark)):
                return Done(write.id, "stored")
            found = decoded(write, self._body_limit)
        except Malformed as error:
            return Done(write.id, "malformed", 0, str(error))
        except TooLarge:
            return Done(write.id, "too_large")
        try:
            segment.add(found.batches, write.arrival // MS)
        except (ValueError, OverflowError, RecursionError, TypeError) as error:
            log.exception("records that cannot be stored")
            return Done(write.id, "malformed", 0, f"the records cannot be stored: {error}")
        if write.mark:
            segment.mark(mark, write.mark)
        return Done(write.id, "stored", found.rejected, found.reason)

    def _answer(self, answers: list[Done]) -> None:
        parts = [framed(answer) for answer in answers]
        if self._keeper.active.next_log != self._said_last:
            parts.append(framed(self._state()))
        self._connection.sendall(b"".join(parts))

    def _state(self, *, dropped: bool = False) -> State:
        keeper = self._keeper
        self._said_last = keeper.active.next_log
        return State(keeper.active.next_log - 1, keeper.active.marks, keeper.active.number, keeper.damaged, dropped)

    def _tell_state(self, *, dropped: bool = False) -> None:
        self._connection.sendall(framed(self._state(dropped=dropped)))

    # -- caring

    def _care(self) -> None:
        while self._checked:
            number, reason = self._checked.popleft()
            if any(segment.number == number for segment in self._keeper.catalogue.segments()):
                self._keeper.set_aside(number, reason)
                self._tell_state(dropped=True)
        if time.monotonic() - self._cared < CARE_SECONDS:
            return
        self._cared = time.monotonic()
        if self._keeper.full():
            self._keeper.follow()
        if self._keeper.drop_old(time.time()):
            self._tell_state(dropped=True)

    def _check_all(self) -> None:
        """Read every segment once after a start, beside the work."""
        folder = self._keeper.catalogue.folder
        for path in sorted(folder.glob("segment-*.db")):
            number = int(path.stem.removeprefix("segment-"))
            reason = check_file(folder, number) if path.exists() else None
            if reason is not None and path.exists():
                self._checked.append((number, reason))
                self._wake.send(b".")


def take_folder(folder: Path, connection: socket.socket) -> object:
    """The lock of the folder, held as long as the answer lives. Raises OSError when another writer keeps it.

    Nobody speaks before we do: when there is something on `connection` already, the service is gone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("a")
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until or select.select([connection], [], [], LOCK_LOOK_SECONDS)[0]:
                raise
        else:
            return lock


def main() -> None:
    """Serve one service until it is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service says when: by closing its end
    logs.configure()
    connection = socket.socket(fileno=int(sys.argv[1]))
    config = msgspec.json.decode(sys.argv[2], type=Config)
    folder = Path(config.folder)
    try:
        lock = take_folder(folder, connection)
    except OSError as error:
        sys.exit(f"telemetry writer: {folder} is kept by another writer: {error.strerror}")
    keeper = Keeper(folder, config.limits)
    gc.freeze()
    try:
        Writer(connection, keeper, config.body_limit).run()
    except (BrokenPipeError, ConnectionResetError):
        log.info("the telemetry service is gone")
    finally:
        keeper.close()
        del lock


if __name__ == "__main__":
    main()
