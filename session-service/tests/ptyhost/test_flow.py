"""Who is slowed and who is not: limits, workers that are away or do not read, floods beside keystrokes."""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from ptyhost_client import MEBI, HostProcess, Worker, alive, eventually, python, segments

from gestalt_ptyhost import wire
from gestalt_ptyhost.limits import ALLOWANCE, SECONDS
from gestalt_ptyhost.wire import Kind

Connect = Callable[[], Worker]

FLOOD = python("import os, tty\ntty.setraw(1)\nline = b'%s\\n' * 800\nwhile True: os.write(1, line)" % ("x" * 79))
ECHO = python("import os, tty\ntty.setraw(0)\nos.write(1, b'?')\nwhile True: os.write(1, os.read(0, 100))")


def size_of(journal: Path) -> int:
    newest = segments(journal)[-1]
    return int(newest.name) + newest.stat().st_size


def limit(worker: Worker, session: int, offset: int, **loss: int) -> None:
    worker.send_raw(wire.pack_json(Kind.LIMIT, loss, session, offset))


def held(worker: Worker, session: int, end: int) -> None:
    """The session stands at `end`, give or take one turn, and is not read any more."""
    worker.reach(session, end)
    worker.answered()
    stands = size_of(worker.journal_of(session))
    worker.answered()
    assert end <= stands == size_of(worker.journal_of(session)) < end + MEBI


def test_a_session_is_read_up_to_its_limit_and_on_when_it_is_lifted(worker: Worker) -> None:
    worker.create(1, FLOOD)
    limit(worker, 1, 64 * MEBI)
    worker.reach(1, MEBI)

    held(worker, 1, 64 * MEBI)
    limit(worker, 1, 66 * MEBI)
    held(worker, 1, 66 * MEBI)
    worker.send(Kind.RESUME, 1)

    worker.reach(1, 70 * MEBI)


def test_a_limit_behind_the_end_stops_at_once(worker: Worker) -> None:
    worker.create(1, FLOOD)
    worker.reach(1, MEBI)

    limit(worker, 1, 0)
    worker.answered()

    stands = size_of(worker.journal_of(1))
    worker.answered()
    assert size_of(worker.journal_of(1)) == stands


def test_a_limit_that_nobody_renews_holds_nobody_for_long(worker: Worker) -> None:
    worker.create(1, FLOOD)
    limit(worker, 1, MEBI)
    start = time.monotonic()

    worker.reach(1, 8 * MEBI)

    assert SECONDS - 0.5 < time.monotonic() - start < SECONDS + 2


def test_a_program_that_ends_at_its_limit_loses_nothing(worker: Worker) -> None:
    program = worker.create(1, ["sh", "-c", "read line; printf last"])
    limit(worker, 1, 0)
    worker.type(1, b"\n")
    eventually(lambda: not alive(program), "the end of the program")
    worker.answered()
    worker.send(Kind.RESUME, 1)

    worker.until(Kind.EXIT, 1)

    assert worker.recorded(1).endswith(b"last")


def test_limiting_one_session_does_not_hold_another(worker: Worker) -> None:
    worker.create(1, FLOOD)
    worker.create(2, ["cat"])
    limit(worker, 1, 0)

    worker.type(2, b"on\n")

    worker.wait_text(2, b"on\r\non\r\n")


def test_a_limit_ends_with_the_connection_that_asked_for_it(connect: Connect) -> None:
    first = connect()
    first.create(1, FLOOD)
    limit(first, 1, 0)
    first.answered()

    second = connect()

    second.reach(1, second.until(Kind.SESSION, 1).offset + MEBI)


def test_without_a_worker_a_flood_stops_after_its_allowance_until_the_next_says_how_far(connect: Connect) -> None:
    first = connect()
    first.create(1, FLOOD)
    first.create(2, ["sh", "-c", "read line; printf quiet"])
    known = first.reach(1, MEBI)
    first.disconnect()

    eventually(lambda: size_of(first.journal_of(1)) >= known + ALLOWANCE, "the allowance")
    first.type(2, b"\n")
    eventually(lambda: first.recorded(2).endswith(b"quiet"), "the quiet session")
    second = connect()
    held_at = second.until(Kind.SESSION, 1).offset
    held(second, 1, held_at)
    limit(second, 1, held_at + 4 * MEBI)

    assert known + ALLOWANCE <= held_at <= known + ALLOWANCE + 2 * MEBI
    held(second, 1, held_at + 4 * MEBI)
    second.send(Kind.RESUME, 1)
    second.reach(1, held_at + 8 * MEBI)


def test_without_a_worker_a_flood_stops_where_the_worker_said(connect: Connect) -> None:
    first = connect()
    first.create(1, FLOOD)
    limit(first, 1, 16 * MEBI, lost=20 * MEBI, viewers=3)
    first.reach(1, MEBI)
    first.disconnect()
    eventually(lambda: size_of(first.journal_of(1)) >= 20 * MEBI, "the flood")

    second = connect()
    told = second.until(Kind.SESSION, 1)

    known = wire.json_of(told)
    assert known["limit"] == 20 * MEBI <= told.offset < 21 * MEBI
    assert known["viewers"] == 3, "so that the next worker waits for no more and no fewer"


def test_a_worker_that_never_reads_stops_no_program_and_catches_up_when_it_does(worker: Worker) -> None:
    worker.create(1, FLOOD)
    worker.create(2, python("import time\nfor n in range(20000): print(n)"))
    eventually((worker.journal_of(2).parent / "exit.json").exists, "the end of the program")
    eventually(lambda: size_of(worker.journal_of(1)) > 8 * MEBI, "the flood")

    exited = worker.until(Kind.EXIT, 2)

    assert exited.offset == worker.exit_note(2)["offset"] == len(worker.recorded(2))
    worker.reach(1, 8 * MEBI)
    worker.answered()


def test_sessions_created_and_ended_while_the_worker_does_not_read_are_all_told(worker: Worker) -> None:
    worker.create(1, FLOOD)
    for session in range(2, 80):
        worker.ask(session, ["true"] if session % 3 else ["nosuch"])
    eventually((worker.journal_of(79).parent / "exit.json").exists, "the last program's end")

    told = {worker.until(Kind.EXIT).session for _ in range(52)}

    assert told == {session for session in range(2, 80) if session % 3}
    failed = {message.session for message in worker.heard if message.kind == Kind.FAILED}
    assert failed == {session for session in range(2, 80) if not session % 3}
    assert all(len(worker.fds[session]) == 4 for session in told)


def test_all_sessions_are_told_right_after_hello_however_slowly_they_are_heard(connect: Connect) -> None:
    first = connect()
    first.create(1, FLOOD)
    for session in range(2, 302):
        first.ask(session, ["sleep", "60"])
    for session in range(2, 302):
        first.host.programs.add(int(wire.json_of(first.until(Kind.CREATED, session))["pid"]))
    first.close()

    second = connect()
    eventually(lambda: size_of(second.journal_of(1)) > 16 * MEBI, "the flood")
    told = [second.receive() for _ in second.hello["sessions"]]

    assert [(message.kind, message.session) for message in told if message] == [
        (Kind.SESSION, session) for session in second.hello["sessions"]
    ]


def test_a_stopped_worker_slows_nobody_and_a_killed_one_is_noticed(host: HostProcess, worker: Worker) -> None:
    worker.create(1, FLOOD)
    child = os.fork()
    if not child:
        signal.pause()
        os._exit(0)
    worker.disconnect()  # the child still holds the connection: nobody reads it, nobody closed it
    eventually(lambda: size_of(worker.journal_of(1)) > ALLOWANCE + 8 * MEBI, "the flood")

    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

    with Worker(host) as second:
        second.reach(1, second.until(Kind.SESSION, 1).offset + MEBI)


def test_a_keystroke_is_echoed_soon_beside_twenty_floods(worker: Worker) -> None:
    worker.create(1, ECHO)
    worker.wait_text(1, b"?")
    for session in range(2, 22):
        worker.create(session, FLOOD)
    for session in range(2, 22):
        worker.reach(session, 1)

    took = []
    for _ in range(50):
        before, start = worker.ends[1], time.perf_counter()
        worker.type(1, b"x")
        worker.reach(1, before + 1)
        took.append(time.perf_counter() - start)

    assert statistics.median(took) < 0.02


def test_every_flood_gets_its_turns(worker: Worker) -> None:
    for session in range(1, 9):
        worker.create(session, FLOOD)

    for session in range(1, 9):
        worker.reach(session, 4 * MEBI)

    ends = sorted(worker.ends.values())
    assert ends[-1] < 4 * ends[0]


def memory(pid: int) -> int:
    """Bytes a process has to itself."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not tell")


def test_an_idle_session_costs_about_three_kilobytes(worker: Worker) -> None:
    for session in range(1, 11):
        worker.create(session, ["sleep", "60"])
    before = memory(worker.pid)
    for session in range(11, 111):
        worker.create(session, ["sleep", "60"])

    assert memory(worker.pid) - before < 100 * 6 * 1024
