"""A real browser on a real product: one stack for all of these tests, a page of its own for each.

Leaving a test fails it for every breach of the page's policy and every error in its console.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

from tests.support.client import Api
from tests.support.stack import Stack

ROOT = Path(__file__).resolve().parents[2]
INDEX = ROOT / "gateway" / "src" / "gestalt_gateway" / "dashboard" / "index.html"
TOKEN = "what opens the page"
SCENE = {"width": 1280, "height": 800}
WAIT_MS = 10_000
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
"""Chromium looks for nothing on any network."""

HARMLESS = ("Failed to load resource", "WebSocket connection to")
"""What Chromium itself says when an answer is a refusal, or the server is away: the page says it in its own words."""

PLAN = """#+TITLE: Browser plan
* DONE [#A] Choose
* WIP [#A] Write
** WIP [#A] Decode =batches=
** TODO [#B] Refuse
"""
AGENT = 'name = "Helper"\nshell = "bash --norc"\ndescription = "Helps."\n'

Opens = Callable[..., Awaitable[Page]]


def missing() -> str:
    """Why no browser can be driven here; empty when one can."""
    if not shutil.which("chromium"):
        return "needs Debian's chromium (CI installs it)"
    return "" if INDEX.exists() else "the dashboard is not built (make dashboard)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skipped with a reason where there is no browser; in CI that is a failure."""
    reason = missing()
    if reason and os.environ.get("CI"):
        raise pytest.UsageError(f"browser tests cannot run: {reason}")
    for item in items:
        if reason and item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """The product, with a plan and an agent to show."""
    plain = {"GESTALT_SHELL": "/bin/sh"}  # one that reads nobody's settings
    async with Stack(tmp_path_factory.mktemp("browser"), workers=2, token=TOKEN, variables=plain) as running:
        (running.data / "plans").mkdir(exist_ok=True)
        (running.data / "plans" / "browser.org").write_text(PLAN)
        (running.data / "config" / "agents" / "helper.toml").write_text(AGENT)
        yield running


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def api(house: Stack) -> AsyncIterator[Api]:
    """A client of it beside the browser."""
    async with house.api() as client:
        yield client


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium."""
    async with async_playwright() as driver:
        started = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def login(house: Stack, browser: Browser) -> Any:
    """The state of a browser that is logged in."""
    context = await browser.new_context()
    answer = await context.request.post(f"{house.url}/api/auth/login", data={"token": TOKEN})
    assert answer.status == 204
    state = await context.storage_state()
    await context.close()
    return state


@pytest_asyncio.fixture(loop_scope="package")
async def opens(house: Stack, browser: Browser, login: Any) -> AsyncIterator[Opens]:
    """`await opens("/logs")`: a page at an address, logged in unless told otherwise; each has a browser of its own."""
    said: list[str] = []
    async with AsyncExitStack() as contexts:

        async def opened(path: str = "/", *, known: bool = True, **look: Any) -> Page:
            options = {"viewport": SCENE, "storage_state": login if known else None} | look
            context = await browser.new_context(**options)
            contexts.push_async_callback(context.close)
            page = await watched(context, said)
            await page.goto(house.url + path)
            return page

        yield opened
    assert not said


async def watched(context: BrowserContext, said: list[str]) -> Page:
    """A page whose errors are written down."""
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error" and not message.text.startswith(HARMLESS):
            said.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: said.append(str(error)))
    return page
