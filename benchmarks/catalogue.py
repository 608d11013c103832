"""python -m benchmarks.catalogue: a full workspace's lists through the gateway, and whether they keep their budget."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.budgets import CATALOGUE_P50
from benchmarks.terminal.report import Figure, table
from tests.support.client import Api
from tests.support.stack import Stack

AGENTS, SKILLS = 100, 200
ASKED = 500
WARMING = 20

PROFILE = """name = "Agent {number}"
cli_type = "codex"
model = "gpt-5"
approval_policy = "never"
prompt = ["coder"]
skills = ["skill-{number}"]

[tui]
animations = false
"""
SKILL = (
    """---
name: skill-{number}
description: What skill number {number} is for.
allowed-tools: Read, Bash(git log:*)
---
"""
    + 100 * "Do this, then that.\n"
)


def fill(config: Path) -> None:
    """A configuration as large as any we have heard of."""
    (config / "agents").mkdir(parents=True)
    for number in range(AGENTS):
        (config / "agents" / f"agent-{number}.toml").write_text(PROFILE.format(number=number))
    for number in range(SKILLS):
        folder = config / "skills" / f"skill-{number}"
        folder.mkdir(parents=True)
        (folder / "SKILL.md").write_text(SKILL.format(number=number))


async def measure(api: Api) -> list[Figure]:
    """The median of each list, warm."""
    return [
        Figure(f"GET {path}, p50", await _median(api, path), "ms", budget=CATALOGUE_P50)
        for path in ("/api/agents", "/api/agents/agent-1", "/api/skills", "/api/skills?agent=agent-1")
    ]


async def _median(api: Api, path: str) -> float:
    taken = []
    for _ in range(WARMING + ASKED):
        begun = time.perf_counter()
        (await api.http.get(path)).raise_for_status()
        taken.append(time.perf_counter() - begun)
    return 1_000 * statistics.median(taken[WARMING:])


async def _run(folder: Path) -> list[Figure]:
    fill(folder / "workspace" / ".gestalt" / "config")
    async with Stack(folder, workers=2) as stack, stack.api() as api:
        await stack.settled()
        return await measure(api)


def main() -> int:
    """Measure; 1 when a budget is missed."""
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(_run(Path(folder)))
    print(table(figures))
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
