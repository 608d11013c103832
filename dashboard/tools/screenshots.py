"""`make screenshots`: every screen of a real system with something to show, into docs/screenshots."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright

from tests.support.client import Api
from tests.support.stack import Stack

SHOTS = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
LAPTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
SETTLED_MS = 1_500
TRACE = "5b8efff798038103d269b633813fc60c"
PLAN = """#+TITLE: Store events once
#+SUBTITLE: Writers, readers, retention
#+DATE: 2026-03-01
* DONE [#A] Choose the format
Segments of 500 k records, see =docs/telemetry.md=.
* WIP [#A] Write the writer
One process, /group commits/.
** WIP [#A] Decode batches
** TODO [#B] Refuse what is too large
* TODO [#B] Read pages
"""
AGENT = 'name = "Helper"\nshell = "bash --norc"\ndescription = "A shell that plays the agent."\n'
COLOURS = r"""PS1='\[\e[32m\]demo\[\e[0m\] $ '; clear; printf '\e[1mbuild\e[0m\n'; for c in 31 32 33 34 35 36; do """
COLOURS += r"""printf "\e[${c}mmodule-$c ok \e[0m"; done; printf '\n\e[32m214 passed\e[0m in 12.4 s\n'"""

SHOWN: tuple[tuple[str, str, str, dict[str, int]], ...] = (
    ("home", "/", "light", LAPTOP),
    ("home-dark", "/", "dark", LAPTOP),
    ("terminal", "/sessions/{uid}", "dark", LAPTOP),
    ("plans", "/plans", "light", LAPTOP),
    ("flows", "/flows/default-file-changed", "light", LAPTOP),
    ("logs", "/logs?query=compiled", "dark", LAPTOP),
    ("trace", f"/traces/{TRACE}", "light", LAPTOP),
    ("metrics", "/charts?name=queue.depth", "dark", LAPTOP),
    ("operations", "/operations", "light", LAPTOP),
    ("agents", "/agents/agent/helper", "light", LAPTOP),
    ("settings", "/settings", "dark", LAPTOP),
    ("phone-home", "/", "light", PHONE),
    ("phone-terminal", "/sessions/{uid}", "dark", PHONE),
)


async def main() -> None:
    """Start it, fill it, show it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder), workers=2) as stack, stack.api() as api, async_playwright() as driver:
            prepared(stack.workspace)
            uid = await filled(api)
            browser = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
            for name, path, scheme, size in SHOWN:
                await shoot(browser, stack.url + path.format(uid=uid), name, scheme, size)
            await browser.close()


async def shoot(browser: Browser, url: str, name: str, scheme: Any, size: Any) -> None:
    """One picture."""
    context = await browser.new_context(color_scheme=scheme, viewport=size)
    page = await context.new_page()
    await page.goto(url)
    await page.wait_for_timeout(SETTLED_MS)
    await page.screenshot(path=SHOTS / f"{name}.png")
    await context.close()
    sys.stdout.write(f"docs/screenshots/{name}.png\n")


def prepared(workspace: Path) -> None:
    """A repository with a plan and an agent."""
    (workspace / ".gestalt" / "plans").mkdir(exist_ok=True)
    (workspace / ".gestalt" / "plans" / "store.org").write_text(PLAN)
    (workspace / ".gestalt" / "config" / "agents" / "helper.toml").write_text(AGENT)
    (workspace / "README.md").write_text("# Demo\n")
    who = ["-c", "user.name=Demo", "-c", "user.email=demo@example.org"]
    for argv in (["init", "-q"], ["add", "README.md"], [*who, "commit", "-q", "-m", "feat: begin the demo"]):
        subprocess.run(["git", *argv], cwd=workspace, check=True, capture_output=True)  # noqa: S607 - git is on PATH


async def filled(api: Api) -> str:
    """Sessions, telemetry, a flow that fired; the uid of the session to show."""
    shell = await api.create(["bash", "--norc"], title="build")
    await api.type(shell["uid"], COLOURS.encode(), enter=1)
    await api.create(["sh", "-c", "while :; do echo GET /api/status 200; sleep 1; done"], title="server")
    await api.create(["sh", "-c", "echo 1 failed, 213 passed; exit 1"], title="tests")
    helper = await api.create(agent="helper")
    place = {"plan_file": "store.org", "l1": "Write the writer", "l2": "Decode batches"}
    told = {"session_id": helper["id"], "payload": {"type": "progress", "task_state": "WIP", **place}}
    (await api.http.post(f"/api/sessions/{helper['id']}/notify", json=told)).raise_for_status()
    for path, body in telemetry(time.time_ns()).items():
        (await api.http.post(path, json=body)).raise_for_status()
    return str(shell["uid"])


def telemetry(now: int) -> dict[str, Any]:
    """One trace, its log lines, one metric."""
    ms = 1_000_000
    spans = [
        {"traceId": TRACE, "spanId": f"{number:016x}", "parentSpanId": f"{parent:016x}" if parent else "", "name": name,
         "startTimeUnixNano": str(now + start * ms), "endTimeUnixNano": str(now + (start + took) * ms),
         "status": {"code": code}}
        for number, parent, name, start, took, code in (
            (1, 0, "turn", 0, 900, 1), (2, 1, "model call", 20, 520, 1), (3, 1, "tool: shell", 560, 250, 1),
            (4, 3, "exec pytest", 570, 220, 2), (5, 1, "model call", 820, 70, 1),
        )
    ]  # fmt: skip
    levels = (("INFO", 9), ("INFO", 9), ("WARN", 13), ("INFO", 9), ("ERROR", 17))
    records = [
        {"timeUnixNano": str(now - (120 - step) * 1_000 * ms), "severityText": level, "severityNumber": number,
         "traceId": TRACE, "body": {"stringValue": f"step {step}: compiled module {step * 7}"}}
        for step in range(120)
        for level, number in (levels[step % len(levels)],)
    ]  # fmt: skip
    points = [
        {"timeUnixNano": str(now - (50 - step) * 60_000 * ms), "asDouble": 6 + (step * 7) % 11} for step in range(50)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "codex"}}]}
    metric = {"name": "queue.depth", "gauge": {"dataPoints": points}}
    return {
        "/v1/traces": {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": spans}]}]},
        "/v1/logs": {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]},
        "/v1/metrics": {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [metric]}]}]},
    }


if __name__ == "__main__":
    asyncio.run(main())
