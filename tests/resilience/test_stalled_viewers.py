"""A viewer that never reads costs its cursor and one bounded buffer, and nobody else anything."""

from __future__ import annotations

import base64
import socket
from pathlib import Path

import pytest

from tests.conftest import Starts
from tests.support import programs
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

MOST_GROWTH_KB = 4_000  # issue 3, Must hold
UNANSWERED_SECONDS = 65.0
"""A ping every 20 s, and one more after two that were missed."""
WELCOME = b"HTTP/1.1 101 "
ENOUGH = 150 * programs.MEGABYTE  # more than twice the journal


async def test_a_viewer_that_never_reads_costs_no_memory_and_slows_nobody(stack: Starts, tmp_path: Path) -> None:
    running = await stack()
    async with running.api() as api:
        session = await api.create(programs.numbered(0, tmp_path / "side"), cols=200)
        async with api.viewer(session["uid"], cursor=None, keep=False) as reading:
            await reading.ready()
            await reading.reach(reading.end + programs.MEGABYTE)
            before = _memory_kb(running)
            with _deaf_viewer(running.url, session["uid"]):
                await reading.reach(reading.end + ENOUGH, 40)
                assert _memory_kb(running) - before < MOST_GROWTH_KB
                assert reading.connections == 1
                assert reading.resets == []


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_viewer_that_answers_no_ping_is_forgotten_after_a_minute(stack: Starts) -> None:
    running = await stack()
    async with running.api() as api:
        session = await api.create(programs.echo())
        with _deaf_viewer(running.url, session["uid"]):
            await eventually(lambda: _viewers_are(api, session["uid"], 1))
            await eventually(lambda: _viewers_are(api, session["uid"], 0), UNANSWERED_SECONDS)


async def _viewers_are(api: Api, uid: str, count: int) -> bool:
    return bool((await api.session(uid))["viewers"] == count)


def _memory_kb(stack: Stack) -> int:
    """Private memory of worker and gateway."""
    pids = [*stack.worker_pids(), *stack.gateway_pids()[:1]]
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    lines = [line for rollup in rollups for line in rollup.splitlines() if line.startswith("Private_")]
    return sum(int(line.split()[1]) for line in lines)


def _deaf_viewer(url: str, uid: str) -> socket.socket:
    """Opens the WebSocket and reads nothing but its welcome."""
    host, _, port = url.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)))
    key = base64.b64encode(b"sixteen bytes ok").decode()
    connection.sendall(
        f"GET /ws/session/{uid}?cursor=0 HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    connection.settimeout(5)
    assert connection.recv(len(WELCOME)) == WELCOME
    return connection
