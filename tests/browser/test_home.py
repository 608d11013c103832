"""Home: what runs, live; starting, stopping, and finding what runs already."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Opens
from tests.support import programs
from tests.support.client import Api

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_card_shows_what_its_program_said_last(opens: Opens, api: Api) -> None:
    session = await api.create(programs.echo(), title="card")
    page = await opens("/")
    shown = page.get_by_role("article").filter(has_text=session["id"])
    await expect(shown).to_be_visible()
    await api.type(session["uid"], b"first words\r")
    await expect(shown).to_contain_text("first words")
    await api.type(session["uid"], b"\x1b[31m<i>later</i>\r")
    await expect(shown).to_contain_text("<i>later</i>")
    await api.delete(session["uid"])
    await expect(shown).to_have_count(0)


async def test_a_shell_is_started_worked_in_and_stopped(opens: Opens, api: Api) -> None:
    page = await opens("/")
    await page.get_by_role("button", name="New session").first.click()
    await page.get_by_label("Command", exact=True).fill("bash --norc")
    await page.get_by_label("Title", exact=True).fill("from the page")
    await page.get_by_role("button", name="Start", exact=True).click()
    await page.get_by_label("Prompt for from the page 1").fill("echo $((6 * 7))")
    await page.keyboard.press("Enter")
    await expect(page.locator(".xterm-rows")).to_contain_text("42")
    await page.get_by_role("link", name="Home", exact=True).click()
    await page.get_by_role("button", name="Stop from the page 1").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert (await api.session("from the page 1"))["status"] == "running"
    await page.get_by_role("button", name="Stop from the page 1").click()
    await page.get_by_role("dialog").get_by_role("button", name="Stop").click()
    await expect(page.get_by_role("article").filter(has_text="from the page 1")).to_have_count(0)


async def test_an_agent_that_runs_already_is_offered_instead(opens: Opens, api: Api) -> None:
    page = await opens("/")
    start = page.get_by_role("button", name="Start Helper")
    await expect(start).to_be_visible()
    await page.route("**/api/sessions/stream", lambda route: route.abort())  # this page does not hear of it in time
    await page.reload()
    running = await api.create(agent="helper")
    await start.click()
    await page.get_by_role("dialog").get_by_role("button", name="Open it").click()
    await expect(page).to_have_url(re.compile("/sessions/"))
    await api.delete(running["uid"])
