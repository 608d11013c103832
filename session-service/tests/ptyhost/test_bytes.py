"""Every byte a program writes is in its journal once, in order, whatever dies."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import resource
import signal
import subprocess
import termios
from itertools import pairwise
from pathlib import Path

import pytest
from ptyhost_client import MEBI, HostProcess, Worker, alive, eventually, open_files, python, segments, starts

from gestalt_ptyhost import wire
from gestalt_ptyhost.ledger import INLINE
from gestalt_ptyhost.segments import TIME_RECORD, TIMES
from gestalt_ptyhost.wire import Kind

COUNT = (
    "import os, sys, tty\n"
    "tty.setraw(1)\n"
    "first, last = int(sys.argv[1]), int(sys.argv[2])\n"
    "for number in range(first, last, 500):\n"
    "    data = b''.join(b'%015d\\n' % n for n in range(number, min(number + 500, last)))\n"
    "    while data:\n"
    "        data = data[os.write(1, data):]\n"
)
"""A program that writes the numbers of a range, 16 bytes each."""

TWO_WRITES = (
    "import os, sys\n"
    "data = b''.join(b'%015d\\n' % n for n in range(*map(int, sys.argv[1:])))\n"
    "os.write(1, data[:100])\n"
    "os.write(1, data[100:])\n"
)
"""Writes the same to whatever is there: a little, then all the rest at once."""

FLOOD = "import os, tty\ntty.setraw(1)\nwhile True: os.write(1, b'%s' * 100)\n"


def counted(first: int, last: int) -> bytes:
    return b"".join(b"%015d\n" % number for number in range(first, last))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_flood_is_recorded_byte_for_byte(worker: Worker) -> None:
    numbers = 400_000
    worker.create(1, python(COUNT, 0, numbers))

    end = worker.until(Kind.EXIT, 1).offset

    assert end == numbers * 16
    assert digest(worker.recorded(1)) == digest(counted(0, numbers))


def test_few_bytes_are_told_themselves_and_many_only_by_their_end(worker: Worker) -> None:
    worker.create(1, ["sh", "-c", "stty raw; printf few"])
    worker.until(Kind.EXIT, 1)
    worker.create(2, python(COUNT, 0, 100_000))
    worker.until(Kind.EXIT, 2)

    assert worker.live[1] == b"few"
    assert len(worker.live.get(2, b"")) < 100_000 * 16


@pytest.mark.parametrize("size", [INLINE, INLINE + 1])
def test_bytes_are_in_the_journal_before_they_are_told(worker: Worker, size: int) -> None:
    source = "import os, sys, tty\ntty.setraw(1)\nos.write(1, b'x' * int(sys.argv[1]))\nos.read(0, 1)"
    worker.create(1, python(source, size))

    while worker.reach(1, 1) < size:
        assert len(worker.recorded(1)) >= worker.ends[1]
        worker.reach(1, worker.ends[1] + 1)

    assert worker.recorded(1) == b"x" * size


def test_segments_rotate_and_the_oldest_are_dropped_beyond_the_cap(worker: Worker) -> None:
    cap, segment = MEBI, MEBI // 8
    worker.create(1, python(COUNT, 0, 200_000), cap=cap, segment=segment)

    end = worker.until(Kind.EXIT, 1).offset

    told = [m for m in worker.heard if m.kind == Kind.SEGMENT]
    kept = starts(worker.journal_of(1))
    assert end == 200_000 * 16
    assert [m.offset for m in told][-len(kept) :] == kept
    assert wire.json_of(told[-1]) == {"base": kept[0]}
    assert cap - 3 * segment <= end - kept[0] <= cap + segment, "a segment ends with the turn that fills it"
    assert counted(0, 200_000)[kept[0] :] == worker.recorded(1)
    assert {path.stem for path in worker.journal_of(1).glob("*" + TIMES)} == {
        p.name for p in segments(worker.journal_of(1))
    }


def test_a_smaller_cap_drops_at_once_what_is_too_old(worker: Worker) -> None:
    worker.create(1, python(COUNT + "os.read(0, 1)", 0, 100_000), segment=MEBI // 8)
    worker.reach(1, 1_600_000)

    worker.send(Kind.CAP, 1, cap=MEBI // 2)
    worker.answered()

    base = starts(worker.journal_of(1))[0]
    assert 1_600_000 - base <= MEBI // 2
    told = [m for m in worker.heard if m.kind == Kind.SEGMENT][-1]
    assert wire.json_of(told) == {"base": base}


def test_the_timing_index_says_when_each_burst_was_read(worker: Worker) -> None:
    worker.create(1, ["cat"])
    index = worker.journal_of(1) / f"{0:020d}{TIMES}"

    def stamped() -> bool:
        worker.type(1, b"x\n")
        worker.reach(1, worker.ends[1] + 6)
        return index.stat().st_size >= 3 * TIME_RECORD.size

    eventually(stamped, "three records")
    times = list(TIME_RECORD.iter_unpack(index.read_bytes()))
    assert times[0][1] == 0
    assert all(later[0] - earlier[0] >= 10_000 for earlier, later in pairwise(times))
    assert all(earlier[1] < later[1] <= worker.ends[1] for earlier, later in pairwise(times))


def kill_and_adopt(host: HostProcess, worker: Worker, session: int, program: int) -> Worker:
    """Kill the host and hand its terminal over to a new one."""
    os.kill(worker.pid, signal.SIGKILL)
    worker.until_closed()
    worker.disconnect()
    eventually(lambda: not alive(worker.pid))
    assert alive(program)
    assert host.start() == 0
    successor = Worker(host)
    successor.adopt(session, worker.fds[session], program, worker.ends[session])
    worker.close()
    return successor


def kill_in_a_flood(host: HostProcess, worker: Worker, at: int) -> None:
    numbers = 200_000
    program = worker.create(1, python(COUNT, 0, numbers))
    worker.reach(1, at)

    successor = kill_and_adopt(host, worker, 1, program)
    end = successor.until(Kind.EXIT, 1)

    assert end.offset == numbers * 16
    assert wire.json_of(end) == {"exit_code": None}
    assert successor.exit_note(1)["exit_code"] is None
    assert digest(successor.recorded(1)) == digest(counted(0, numbers))
    successor.close()


@pytest.mark.parametrize("at", [0, 300_000, 1_500_000])
def test_a_host_killed_in_a_flood_costs_no_program_and_no_byte(host: HostProcess, worker: Worker, at: int) -> None:
    kill_in_a_flood(host, worker, at)


@pytest.mark.slow
@pytest.mark.parametrize("at", [number * 150_000 + 7 for number in range(20)])
def test_a_host_killed_anywhere_in_a_flood_costs_no_byte(host: HostProcess, worker: Worker, at: int) -> None:
    kill_in_a_flood(host, worker, at)


def test_bytes_left_in_the_pipe_by_a_dead_host_come_first(host: HostProcess, worker: Worker) -> None:
    program = worker.create(1, ["cat"])
    worker.type(1, b"one\n")
    worker.wait_text(1, b"one\r\none\r\n")
    os.kill(worker.pid, signal.SIGKILL)
    worker.until_closed()
    os.write(worker.fds[1][2], b"left in the pipe\n")
    worker.type(1, b"two\n")
    host.start()

    with Worker(host) as successor:
        adopted = successor.adopt(1, worker.fds[1], program)
        successor.wait_text(1, b"two\r\ntwo\r\n")

        assert adopted.offset == len(b"one\r\none\r\nleft in the pipe\n")
        assert successor.recorded(1) == b"one\r\none\r\nleft in the pipe\ntwo\r\ntwo\r\n"
        worker.close()


def test_a_terminal_handed_over_twice_is_refused_and_goes_on(worker: Worker) -> None:
    program = worker.create(1, ["cat"])

    worker.hand_over(1, worker.fds[1], program)

    assert wire.json_of(worker.until(Kind.FAILED, 1))["errno"] == errno.EEXIST
    worker.type(1, b"on\n")
    worker.wait_text(1, b"on\r\non\r\n")


@pytest.mark.parametrize("count", [0, 3])
def test_a_terminal_without_its_descriptors_is_refused(worker: Worker, count: int) -> None:
    program = worker.create(1, ["cat"])
    before = open_files(worker.pid)

    worker.hand_over(2, worker.fds[1][:count], program)

    assert wire.json_of(worker.until(Kind.FAILED, 2))["errno"] == errno.EBADF
    worker.answered()
    assert open_files(worker.pid) == before


def test_descriptors_that_are_no_terminal_are_refused(worker: Worker) -> None:
    with Path(os.devnull).open("rb") as null:
        worker.ask(2, ["nosuch"])
        worker.until(Kind.FAILED, 2)
        worker.hand_over(2, [null.fileno()] * 4, 1)

        assert worker.until(Kind.FAILED, 2)
        worker.answered()


def test_a_program_that_ended_while_no_host_was_there_is_told_with_all_it_wrote(
    host: HostProcess, worker: Worker
) -> None:
    program = worker.create(1, ["sh", "-c", "read line; printf last; exit 3"])
    os.kill(worker.pid, signal.SIGKILL)
    worker.until_closed()
    worker.type(1, b"\n")
    eventually(lambda: not alive(program), "the end of the program")
    host.start()

    with Worker(host) as successor:
        successor.adopt(1, worker.fds[1], program)

        assert wire.json_of(successor.until(Kind.EXIT, 1)) == {"exit_code": None}
        assert successor.recorded(1).endswith(b"last")
        worker.close()


def full_disk(worker: Worker, *, full: bool) -> None:
    """Let the host write to no file any more, or to all again."""
    limit = 0 if full else resource.RLIM_INFINITY
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def holes(worker: Worker) -> list[tuple[int, int]]:
    """Start and length of every hole told."""
    return [(m.offset, wire.json_of(m)["length"]) for m in worker.heard if m.kind == Kind.HOLE]


def test_a_full_disk_makes_a_hole_that_is_told_while_the_program_goes_on(worker: Worker) -> None:
    worker.create(1, ["cat"])
    worker.type(1, b"one\n")
    worker.wait_text(1, b"one\r\none\r\n")

    full_disk(worker, full=True)
    worker.type(1, b"two\n")
    worker.wait_text(1, b"two\r\ntwo\r\n")
    worker.answered()
    lost = sum(length for _, length in holes(worker))
    assert lost == len(b"two\r\ntwo\r\n")
    full_disk(worker, full=False)

    def written_again() -> bool:
        worker.type(1, b"x\n")
        worker.reach(1, worker.ends[1] + 4)
        return len(starts(worker.journal_of(1))) > 1

    eventually(written_again, "a segment beyond the hole")
    beyond = starts(worker.journal_of(1))[1]
    text = worker.live[1]
    assert segments(worker.journal_of(1))[0].read_bytes() == text[: text.index(b"two")]
    assert segments(worker.journal_of(1))[1].read_bytes() == text[beyond:][: worker.ends[1] - beyond]
    assert beyond >= text.index(b"two") + lost


def test_holes_and_segments_together_are_what_was_written(worker: Worker) -> None:
    numbers = 300_000
    source = COUNT.replace("    while data:", "    if number == 100_000 and os.read(0, 1): pass\n    while data:")
    worker.create(1, python(source, 0, numbers))
    worker.reach(1, 1_600_000)
    full_disk(worker, full=True)
    worker.type(1, b"g")
    worker.until(Kind.HOLE, 1)
    full_disk(worker, full=False)

    end = worker.until(Kind.EXIT, 1).offset

    gaps = [(start, start + length) for start, length in holes(worker)]
    written = [(int(p.name), int(p.name) + p.stat().st_size) for p in segments(worker.journal_of(1))]
    pieces = sorted(piece for piece in gaps + written if piece[0] < piece[1])
    assert end == numbers * 16
    assert [piece[1] for piece in pieces] == [piece[0] for piece in pieces[1:]] + [end]
    whole = counted(0, numbers)
    for path in segments(worker.journal_of(1)):
        data = path.read_bytes()
        assert whole[int(path.name) :][: len(data)] == data


def test_a_host_killed_beyond_a_hole_goes_on_where_the_worker_knows_the_end(host: HostProcess, worker: Worker) -> None:
    program = worker.create(1, ["cat"])
    full_disk(worker, full=True)
    worker.type(1, b"lost\n")
    worker.reach(1, len(b"lost\r\nlost\r\n"))
    end = worker.ends[1]

    successor = kill_and_adopt(host, worker, 1, program)
    successor.type(1, b"kept\n")
    successor.reach(1, end + len(b"kept\r\nkept\r\n"))

    assert starts(successor.journal_of(1)) == [0, end]
    assert successor.recorded(1) == b"kept\r\nkept\r\n"
    successor.close()


def run(*argv: str) -> int:
    return subprocess.run(argv, check=False, stderr=subprocess.DEVNULL).returncode


def test_a_small_file_system_that_is_full_stops_no_program(tmp_path: Path, worker: Worker) -> None:
    if os.getuid() or run("mount", "-t", "tmpfs", "-o", "size=256k", "none", str(tmp_path)):
        pytest.skip("only root may mount")
    try:
        (tmp_path / "journal").mkdir()
        worker.create(1, python(COUNT, 0, 50_000), journal=str(tmp_path / "journal"))
        end = worker.until(Kind.EXIT, 1).offset
        lost = sum(length for _, length in holes(worker))
        kept = sum(path.stat().st_size for path in segments(tmp_path / "journal"))
        assert end == 50_000 * 16 == lost + kept
    finally:
        run("umount", str(tmp_path))


def test_a_pipe_in_a_terminal_s_place_is_read_to_its_end(worker: Worker) -> None:
    """As tmux is read. Nothing tells of what one long write adds to a pipe that was never empty."""
    output, inlet = os.pipe()
    between = os.pipe()
    writer = subprocess.Popen(python(TWO_WRITES, 0, 60_000), stdout=inlet)
    os.close(inlet)
    pidfd = os.pidfd_open(writer.pid)
    eventually(lambda: int.from_bytes(fcntl.ioctl(output, termios.FIONREAD, bytes(4)), "little") > 50_000)
    worker.journal_of(1).mkdir(parents=True)
    worker.adopt(1, [output, *between, pidfd], writer.pid)

    end = worker.until(Kind.EXIT, 1)

    assert (end.offset, wire.json_of(end)) == (60_000 * 16, {"exit_code": None})
    assert digest(worker.recorded(1)) == digest(counted(0, 60_000))
    assert writer.wait() == 0
    wire.close_all([output, *between, pidfd])
