"""The journal alone: segments, rotation, cap, holes, what a successor finds."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ptyhost_client import segments, starts

from gestalt_ptyhost.journal import RETRY_SECONDS, Journal
from gestalt_ptyhost.segments import TIME_RECORD, TIMES, Segment, segment_name, segment_starts

Write = Callable[[Journal, bytes], bytes]


@pytest.fixture(scope="module")
def write() -> Iterator[Write]:
    """Puts bytes through a pipe into a journal, as the host does."""
    pipe_r, pipe_w = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def written(journal: Journal, data: bytes) -> bytes:
        os.write(pipe_w, data)
        return journal.take(pipe_r, len(data))

    yield written
    os.close(pipe_r)
    os.close(pipe_w)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Journal(str(tmp_path / "missing"), cap=100, segment=10)


def test_files_that_are_no_segments_are_left_alone(tmp_path: Path) -> None:
    for name in ("notes", segment_name(7) + TIMES, "0" * 19, segment_name(3)):
        (tmp_path / name).touch()

    assert segment_starts(str(tmp_path)) == [3]


def test_what_is_taken_can_be_read_back_at_once(tmp_path: Path, write: Write) -> None:
    journal = Journal(str(tmp_path), cap=1000, segment=100)

    assert write(journal, b"hello ") == write(journal, b"world") == b""

    assert journal.end == 11
    assert journal.read(6, 5) == b"world"
    journal.close()


def test_a_segment_is_named_by_its_first_offset_and_rotates_by_size(tmp_path: Path, write: Write) -> None:
    journal = Journal(str(tmp_path), cap=1000, segment=10)
    for data in (b"12345678", b"abcdef", b"XYZ"):
        write(journal, data)

    assert [path.read_bytes() for path in segments(tmp_path)] == [b"12345678abcdef", b"XYZ"]
    assert starts(tmp_path) == journal.segments == [0, 14]
    journal.close()


def test_the_current_segment_is_never_dropped(tmp_path: Path, write: Write) -> None:
    journal = Journal(str(tmp_path), cap=1, segment=100)

    write(journal, b"x" * 50)
    journal.limit(1)

    assert segments(tmp_path)[0].read_bytes() == b"x" * 50
    journal.close()


def test_an_index_dropped_with_its_segment(tmp_path: Path, write: Write) -> None:
    journal = Journal(str(tmp_path), cap=40, segment=10)
    for number in range(10):
        journal.stamp(number * 1_000_000, journal.end)
        write(journal, b"x" * 10)

    assert {path.name.removesuffix(TIMES) for path in tmp_path.iterdir()} == {path.name for path in segments(tmp_path)}
    journal.close()


def test_records_are_kept_apart_by_ten_milliseconds_also_when_the_clock_goes_back(tmp_path: Path) -> None:
    journal = Journal(str(tmp_path), cap=1000, segment=100)
    for microseconds in (50_000, 59_999, 60_000, 20_000, 20_001):
        journal.stamp(microseconds, 0)

    index = (tmp_path / (segment_name(0) + TIMES)).read_bytes()
    assert [record[0] for record in TIME_RECORD.iter_unpack(index)] == [50_000, 60_000, 20_000]
    journal.close()


def test_a_torn_record_is_cut_off_by_the_successor(tmp_path: Path) -> None:
    index = tmp_path / (segment_name(0) + TIMES)
    index.write_bytes(TIME_RECORD.pack(1, 0) + b"torn")

    journal = Journal(str(tmp_path), cap=1000, segment=100)
    journal.stamp(2_000_000, 5)

    assert list(TIME_RECORD.iter_unpack(index.read_bytes())) == [(1, 0), (2_000_000, 5)]
    journal.close()


def test_a_successor_goes_on_where_the_newest_segment_ends(tmp_path: Path, write: Write) -> None:
    first = Journal(str(tmp_path), cap=1000, segment=10)
    write(first, b"x" * 12)
    write(first, b"y" * 3)
    first.close()

    second = Journal(str(tmp_path), cap=1000, segment=10, at_least=4)
    write(second, b"z")

    assert (second.base, second.end) == (0, 16)
    assert segments(tmp_path)[-1].read_bytes() == b"yyyz"
    second.close()


class FullDisk:
    """Lets the file system refuse: with ENOSPC, after so many bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: float = float("inf")
        self.number = errno.ENOSPC
        splice, write = Segment.splice, Segment.write
        monkeypatch.setattr(Segment, "splice", lambda s, pipe, n: splice(s, pipe, self._taken(n)))
        monkeypatch.setattr(Segment, "write", lambda s, data: write(s, data[: self._taken(len(data))]))

    def _taken(self, count: int) -> int:
        if not self.room:
            raise OSError(self.number, os.strerror(self.number))
        taken = int(min(count, self.room))
        self.room -= taken
        return taken


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    return FullDisk(monkeypatch)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EROFS])
def test_bytes_that_find_no_room_come_back_and_the_offset_goes_on(
    tmp_path: Path, write: Write, disk: FullDisk, number: int
) -> None:
    journal = Journal(str(tmp_path), cap=1000, segment=100)
    disk.room, disk.number = 4, number

    assert write(journal, b"kept+lost") == b"+lost"

    assert journal.end == 9
    assert segments(tmp_path)[0].read_bytes() == b"kept"
    journal.close()


def test_it_tries_again_after_a_while_and_begins_a_segment_beyond_the_hole(
    tmp_path: Path, write: Write, disk: FullDisk
) -> None:
    clock = Clock()
    journal = Journal(str(tmp_path), cap=1000, segment=100, clock=clock)
    disk.room = 0
    assert write(journal, b"lost") == b"lost"
    disk.room = 1000

    assert write(journal, b"too soon") == b"too soon"
    clock.now += RETRY_SECONDS
    assert write(journal, b"kept") == b""

    assert [(path.name, path.read_bytes()) for path in segments(tmp_path)] == [
        (segment_name(0), b""),
        (segment_name(12), b"kept"),
    ]
    assert journal.segments == [0, 12]
    journal.close()


def test_a_segment_that_never_got_a_byte_is_taken_away_again(tmp_path: Path, write: Write, disk: FullDisk) -> None:
    clock = Clock()
    journal = Journal(str(tmp_path), cap=1000, segment=4, clock=clock)
    write(journal, b"full")
    disk.room = 0
    for _ in range(5):
        write(journal, b"lost")
        clock.now += RETRY_SECONDS

    assert starts(tmp_path) == journal.segments == [0]
    journal.close()


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS])
def test_where_splice_is_not_known_it_reads_and_writes(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Segment, "splice", refused)
    journal = Journal(str(tmp_path), cap=1000, segment=100)

    assert write(journal, b"hello ") == write(journal, b"world") == b""
    assert segments(tmp_path)[0].read_bytes() == b"hello world"
    journal.close()


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 400), max_size=40),
    segment=st.integers(1, 300),
    cap=st.integers(1, 2000),
    restarts=st.sets(st.integers(0, 40)),
)
def test_the_newest_bytes_are_always_there_and_no_more_than_the_cap(
    write: Write, sizes: list[int], segment: int, cap: int, restarts: set[int]
) -> None:
    whole = b""
    with tempfile.TemporaryDirectory() as directory:
        journal = Journal(directory, cap=cap, segment=segment)
        for number, size in enumerate(sizes):
            if number in restarts:
                journal.close()
                journal = Journal(directory, cap=cap, segment=segment)
            data = bytes([number]) * size
            write(journal, data)
            whole += data
        kept = b"".join(path.read_bytes() for path in segments(Path(directory)))
        assert (journal.end, journal.base) == (len(whole), len(whole) - len(kept))
        assert whole.endswith(kept)
        assert journal.segments == starts(Path(directory))
        assert len(kept) <= max(cap + 400, journal.end - journal.segments[-1])
        assert kept or not whole
        journal.close()


@settings(max_examples=60, deadline=None)
@given(turns=st.lists(st.tuples(st.integers(1, 100), st.integers(0, 300)), max_size=30))
def test_segments_and_holes_together_are_what_was_written(write: Write, turns: list[tuple[int, int]]) -> None:
    clock, pieces = Clock(), {}
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        disk = FullDisk(patch)
        journal = Journal(directory, cap=10**9, segment=64, clock=clock)
        for number, (size, room) in enumerate(turns):
            disk.room = room
            clock.now += RETRY_SECONDS * (number % 2)
            data = bytes([number]) * size
            lost = write(journal, data)
            pieces[journal.end - len(lost)] = lost
        for path in segments(Path(directory)):
            pieces[int(path.name)] = path.read_bytes() or pieces.get(int(path.name), b"")
        whole = b"".join(bytes([number]) * size for number, (size, _) in enumerate(turns))
        assert b"".join(pieces[start] for start in sorted(pieces)) == whole
        journal.close()
