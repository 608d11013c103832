"""The harness itself: what it is there to notice, it notices."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from websockets.asyncio.server import ServerConnection, serve

from tests.support import processes, programs
from tests.support.client import Broken, Viewer
from tests.support.eventually import eventually

Script = Callable[[ServerConnection, int], Awaitable[None]]


@asynccontextmanager
async def server(script: Script) -> AsyncIterator[str]:
    """A server whose sockets do what `script(connection, cursor)` says; its URL."""

    async def handle(connection: ServerConnection) -> None:
        assert connection.request is not None
        await script(connection, int(parse_qs(urlsplit(connection.request.path).query).get("cursor", ["-1"])[0]))

    async with serve(handle, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


def ready(cursor: int) -> str:
    return json.dumps({"type": "ready", "cursor": cursor, "cols": 80, "rows": 24, "readonly": False})


async def test_a_viewer_goes_on_where_it_was_cut_and_ends_with_the_session() -> None:
    async def script(connection: ServerConnection, cursor: int) -> None:
        await connection.send(ready(cursor))
        await connection.send(programs.expected(cursor, min(cursor + 70, 300)))
        if cursor + 70 < 300:
            connection.transport.abort()
            return
        await connection.send(json.dumps({"type": "exit", "exit_code": 3}))
        await connection.close(1000, "session closed")

    async with server(script) as url, Viewer(url, "u", expected=programs.expected) as viewer:
        assert await viewer.closed() == 1000
    assert bytes(viewer.data) == programs.expected(0, 300)
    assert (viewer.exited, viewer.exit_code, viewer.connections) == (True, 3, 5)
    assert viewer.codes == [1006] * 4 + [1000]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([ready(0), b"0000000000", b"x"], "at 10: got b'x'"),
        ([ready(0), b"0000000000 abc", b" abc"], "at 14: got b' abc'"),
        ([b"0000000000"], "bytes before ready"),
        ([ready(0), ready(0)], "ready is the first word"),
        (['{"type": "exit", "exit_code": 0}'], "ready is the first word"),
        ([ready(0), '{"type": "hello"}'], "an unknown word: hello"),
    ],
)
async def test_a_wrong_byte_a_repeat_and_an_unknown_word_are_noticed(words: list[bytes | str], complaint: str) -> None:
    async def script(connection: ServerConnection, _cursor: int) -> None:
        for word in words:
            await connection.send(word)
        await connection.wait_closed()

    async with server(script) as url, Viewer(url, "u", expected=programs.expected) as viewer:
        with pytest.raises(Broken, match=complaint):
            await viewer.reach(1000)


@pytest.mark.parametrize("jump", [-3, 3])
async def test_going_on_elsewhere_is_noticed_unless_a_reset_says_so(jump: int) -> None:
    async def silent(connection: ServerConnection, cursor: int) -> None:
        await connection.send(ready(cursor + (jump if cursor else 0)))
        await connection.send(b"0123456789")
        await connection.close(1001)

    async def told(connection: ServerConnection, cursor: int) -> None:
        await connection.send(ready(cursor + (jump if cursor else 0)))
        if cursor:
            await connection.send(json.dumps({"type": "reset", "base": cursor + jump, "reason": "trimmed"}))
        await connection.send(b"0123456789")
        await connection.close(1000 if cursor else 1001)

    async with server(silent) as url, Viewer(url, "u") as viewer:
        with pytest.raises(Broken, match="asked to go on from 10"):
            await viewer.reach(100)
    async with server(told) as url, Viewer(url, "u") as viewer:
        await viewer.closed()
        assert viewer.resets == [{"type": "reset", "base": 10 + jump, "reason": "trimmed"}]
        assert (viewer.start, viewer.end) == (10 + jump, 20 + jump)


async def test_what_was_noticed_after_the_last_wait_is_told_on_leaving() -> None:
    async def script(connection: ServerConnection, _cursor: int) -> None:
        await connection.send(b"bytes before ready")

    async with server(script) as url:
        viewer = Viewer(url, "u")
        with pytest.raises(Broken, match="bytes before ready"):
            async with viewer:
                await eventually(lambda: viewer._task is not None and viewer._task.done())


async def test_a_condition_that_never_comes_true_is_told_with_what_was_seen() -> None:
    with pytest.raises(AssertionError, match=r"not within 0\.05 s: the moon; last: 0"):
        await eventually(lambda: 0, 0.05, what="the moon")


def in_terminal(argv: list[str], typed: bytes = b"", until: bytes | None = None) -> bytes:
    """What a program writes in a terminal, to its end or until it has written `until`, when `typed` is typed."""
    pid, master = pty.fork()
    if pid == 0:
        os.execv(argv[0], argv)  # noqa: S606 - becoming the program is the purpose
    got = b""
    while until is None or until not in got:
        try:
            data = os.read(master, 65_536)
        except OSError:
            break
        got += data
        if typed and programs.BEGUN in got:
            os.write(master, typed)
            typed = b""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(master)
    return got


def test_numbered_bytes_are_what_was_expected_at_every_offset(tmp_path: Path) -> None:
    got = in_terminal(programs.numbered(1.000_123, tmp_path / "side"))
    assert got == programs.expected(0, 1_000_123)
    assert programs.written(tmp_path / "side") == 1_000_123
    assert got[777:4321] == programs.expected(777, 4321)
    assert programs.written(tmp_path / "none") == 0


def test_a_numbered_program_that_waits_begins_when_it_is_let(tmp_path: Path) -> None:
    programs.go(tmp_path / "side")
    assert in_terminal(programs.numbered(0.001, tmp_path / "side", wait=True)) == programs.expected(0, 1000)


def test_echo_gives_every_byte_back_as_it_is() -> None:
    typed = bytes(set(range(256)) - {4})
    assert in_terminal(programs.echo(), typed, typed) == programs.BEGUN + typed


def test_record_keeps_what_was_typed_and_counts_its_lines(tmp_path: Path) -> None:
    got = in_terminal(programs.record(tmp_path / "side"), b"a\nb\rc\n", b"2\r\n")
    assert got.endswith(b"2\r\n")
    assert (tmp_path / "side").read_bytes() == b"a\nb\rc\n"


async def test_processes_are_found_with_their_age_family_and_ports() -> None:
    program = (
        "import socket, time; s = socket.create_server(('127.0.0.1', 0)); "
        "print(s.getsockname()[1], flush=True); time.sleep(60)"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE, env={"MARKED": "yes"}
    )
    assert child.stdout is not None
    port = int(await child.stdout.readline())
    assert child.pid in processes.children(os.getpid())
    assert processes.listens(child.pid) == [port]
    assert processes.environment(child.pid)["MARKED"] == "yes"
    assert processes.argv(child.pid)[1:] == ["-c", program]
    assert processes.memory_kb(child.pid) > 100
    processes.kill(child.pid, signal.SIGSTOP)
    await eventually(lambda: processes.stopped(child.pid))
    processes.kill(child.pid)
    await child.wait()
    assert not processes.alive(child.pid)
    processes.kill(child.pid)
