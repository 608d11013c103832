"""`gestalt attach` loses its gateway in mid-flood: what the terminal got in the end is every byte, once."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support import processes, programs
from tests.support.eventually import eventually
from tests.support.stack import Stack
from tests.support.tmux import TMUX, Tmux

pytestmark = pytest.mark.skipif(TMUX is None, reason="needs tmux")
GESTALT = str(Path(sys.executable).with_name("gestalt"))
FLOOD_MEGABYTES = 20
FIRST_BYTES = 1_000_000
SCREEN_BYTES = 65_536
AWAY_SECONDS = 5.0
OUR_TITLE = re.compile(rb"\x1b\[2[23];2t(?:\x1b\]2;[^\x07]*\x07)?")
Starts = Callable[..., Awaitable[Stack]]


async def killed(stack: Stack) -> None:
    """The gateway dies, and `up` replaces it."""
    processes.kill(stack.gateway_pids()[0])


async def away(stack: Stack) -> None:
    """It dies, and nobody replaces it for a while."""
    processes.kill(stack.pid, signal.SIGSTOP)
    processes.kill_all(stack.gateway_pids())
    await asyncio.sleep(AWAY_SECONDS)  # the outage itself
    processes.kill(stack.pid, signal.SIGCONT)


async def paused(stack: Stack) -> None:
    """It stands still for a while."""
    gateway = stack.gateway_pids()[0]
    processes.kill(gateway, signal.SIGSTOP)
    await asyncio.sleep(AWAY_SECONDS)  # the outage itself
    processes.kill(gateway, signal.SIGCONT)


@pytest.mark.parametrize("harm", [killed, away])
@pytest.mark.timeout(120)
async def test_no_byte_is_lost_or_repeated(
    stack: Starts, tmp_path: Path, harm: Callable[[Stack], Awaitable[None]]
) -> None:
    shown, wanted = await flooded(await stack(), tmp_path, harm)
    if wanted not in shown:
        pytest.fail(first_difference(shown, wanted))


@pytest.mark.timeout(120)
async def test_a_terminal_that_is_far_behind_is_shown_where_the_program_is(stack: Starts, tmp_path: Path) -> None:
    """Beyond 8 MiB its screen takes the place of what it missed: everything before, then the end."""
    shown, wanted = await flooded(await stack(), tmp_path, paused)
    assert wanted[:FIRST_BYTES] in shown
    assert wanted.split()[-1] in shown[-SCREEN_BYTES:]


async def flooded(running: Stack, tmp_path: Path, harm: Callable[[Stack], Awaitable[None]]) -> tuple[bytes, bytes]:
    """What a terminal was given of a flood while something went wrong, and what the program wrote."""
    side, got = tmp_path / "written", tmp_path / "got"
    async with running.api() as api, Tmux(tmp_path) as terminal:
        session = await api.create(programs.numbered(FLOOD_MEGABYTES, side, wait=True))
        await running.settled(proven=True)
        terminal.run([GESTALT, "attach", session["id"]], {"GESTALT_URL": running.url})
        await eventually(lambda: _viewers(running, session["uid"]), what="the session has a viewer")
        terminal.record(got)
        programs.go(side)
        await eventually(lambda: got.stat().st_size > FIRST_BYTES, 30, what="the terminal has a first MB")
        await harm(running)
        assert await terminal.code(90) == 0
        wanted = programs.expected(0, FLOOD_MEGABYTES * programs.MEGABYTE)
        await eventually(lambda: wanted.split()[-1] in got.read_bytes()[-SCREEN_BYTES:], what="the end is recorded")
        return OUR_TITLE.sub(b"", got.read_bytes()), wanted


async def _viewers(running: Stack, uid: str) -> bool:
    async with running.api() as api:
        return bool((await api.session(uid))["viewers"])


def first_difference(shown: bytes, wanted: bytes) -> str:
    """Where what was shown leaves what was written."""
    begin = max(0, shown.find(wanted[:100]))
    pairs = zip(shown[begin:], wanted, strict=False)
    place = next((place for place, (one, other) in enumerate(pairs) if one != other), len(wanted))
    return f"at {place}: {shown[begin + place :][:120]!r} instead of {wanted[place:][:120]!r}"


async def test_keys_typed_while_the_gateway_is_away_arrive_once(stack: Starts, tmp_path: Path) -> None:
    running, side = await stack(), tmp_path / "typed"
    async with running.api() as api, Tmux(tmp_path) as terminal:
        session = await api.create(programs.record(side))
        await running.settled(proven=True)
        terminal.run([GESTALT, "attach", session["id"]], {"GESTALT_URL": running.url})
        await terminal.shows("ready")
        title = terminal.asked("#{pane_title}")
        processes.kill(running.pid, signal.SIGSTOP)
        gateways = running.gateway_pids()
        processes.kill_all(gateways)
        await eventually(lambda: not any(map(processes.alive, gateways)), what="no gateway is left")
        await eventually(lambda: "connecting again" in terminal.asked("#{pane_title}"), 20, what="the title says it")
        terminal.type("typed meanwhile", "C-j")  # not before: what went to a dying connection is not sent again
        processes.kill(running.pid, signal.SIGCONT)
        await terminal.shows("1", 30)
        assert side.read_bytes() == b"typed meanwhile\n"
        assert terminal.asked("#{pane_title}") == title
        terminal.type("C-d")
        assert await terminal.code() == 0
