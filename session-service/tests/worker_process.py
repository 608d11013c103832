"""A worker as a process of its own, for tests that kill it: `… FOLDER [screens]`, its port on stdout."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import uvloop
from session_world import MARK, World

from gestalt_serving import logs


async def serve(folder: Path) -> None:
    """Until it is killed, or who started it ends."""
    logs.configure()
    world = World(folder)
    world.mark = os.environ[MARK]
    running = await world.start(screens="screens" in sys.argv[2:])
    print(running.port, flush=True)  # noqa: T201 - the test waits for it
    await asyncio.to_thread(sys.stdin.read)
    await running.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1])))
