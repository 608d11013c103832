"""What the worker's log says when an agent is started."""

from __future__ import annotations

import pytest
import structlog
from session_world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_what_its_prompts_lack_is_logged_once(world: World) -> None:
    for folder in ("agents", "prompts"):
        (world.config / folder).mkdir(parents=True)
    (world.config / "agents" / "x.toml").write_text('name = "X"\nshell = "sleep 600"\nprompt = "p"\n')
    (world.config / "prompts" / "p.md").write_text("one {{include nobody}} two")
    worker = await world.start()
    with structlog.testing.capture_logs() as logs:
        await worker.create(agent="x")
    problems = [entry["problem"] for entry in logs if entry["event"] == "agent prompt"]
    assert problems == ["p.md: include 'nobody' not found"]
