"""What a new user does on the first day, by the keyboard alone: start a shell, work, see a flow fire, find a trace."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Opens
from tests.browser.test_telemetry_screens import TRACE, send
from tests.support.client import Api
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="package")
MOST_TABS = 60
FOCUSED = "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent.trim()"


async def tab_to(page: Page, name: str, key: str = "Tab") -> None:
    """Walk until something of that name has the focus."""
    for _ in range(MOST_TABS):
        await page.keyboard.press(key)
        if re.search(name, await page.evaluate(FOCUSED)):
            return
    pytest.fail(f"no {name} within {MOST_TABS} steps of {key}")


async def test_everything_of_the_first_day_is_done_by_keyboard(opens: Opens, house: Stack) -> None:
    page = await opens("/")
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("start a shell")
    await page.keyboard.press("Enter")
    await expect(page.locator(".xterm-helper-textarea")).to_be_focused()
    await expect(page.locator(".xterm-rows")).to_contain_text(re.compile(r"\S"))
    await page.keyboard.type("echo $((6 * 7)); echo x > README.md\n")
    await expect(page.locator(".xterm-rows")).to_contain_text("42")
    await expect(page.locator(".toast").filter(has_text="README.md")).to_be_visible()
    await page.keyboard.press("Control+.")
    await tab_to(page, "^More for Shell 1$")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowUp")
    await expect(page.get_by_role("button", name="Stop…")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="More for Shell 1")).to_be_focused()
    await page.keyboard.press("g")
    await page.keyboard.press("l")
    await expect(page.get_by_role("heading", name="Logs", exact=True)).to_be_visible()
    await tab_to(page, "^$|Search")
    assert house.gateway_pids()


async def test_a_log_line_and_its_trace_are_found_by_keyboard(opens: Opens, api: Api) -> None:
    await send(api)
    page = await opens("/logs?query=brush")
    await expect(page.get_by_role("button", name="broke").first).to_be_visible()
    await tab_to(page, "broke")
    await page.keyboard.press("Enter")
    await tab_to(page, "^Its trace$")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/traces/[0-9a-f]{32}$"))
    await tab_to(page, "tool call")
    await page.keyboard.press("Enter")
    await expect(page.locator("pre")).to_contain_text(TRACE)
