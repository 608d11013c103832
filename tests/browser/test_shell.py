"""What is around every screen: login, addresses, keyboard, themes, being offline."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import TOKEN, Opens
from tests.support.processes import kill
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_wrong_token_is_refused_and_said(opens: Opens) -> None:
    page = await opens("/", known=False)
    await page.locator("input").first.fill("no token of ours")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("not the token")


async def test_the_token_opens_the_address_that_was_asked_for_and_is_kept_nowhere(opens: Opens) -> None:
    page = await opens("/plans", known=False)
    await page.locator("input").first.fill(TOKEN)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Plans", exact=True)).to_be_visible()
    kept = await page.evaluate("JSON.stringify([localStorage, sessionStorage, location.href, document.cookie])")
    assert TOKEN not in kept


async def test_logging_out_ends_it(opens: Opens) -> None:
    page = await opens("/settings", known=False)
    await page.locator("input").first.fill(TOKEN)
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_label("Token")).to_be_visible()
    await page.reload()
    await expect(page.get_by_label("Token")).to_be_visible()


async def test_an_address_that_names_nothing_says_so(opens: Opens) -> None:
    page = await opens("/")
    await page.evaluate("history.pushState(null, '', '/nothing'); dispatchEvent(new PopStateEvent('popstate'))")
    await expect(page.get_by_text("There is nothing at this address")).to_be_visible()


async def test_the_back_button_works(opens: Opens) -> None:
    page = await opens("/")
    await page.get_by_role("link", name="Logs", exact=True).click()
    await page.get_by_role("link", name="Operations").click()
    await expect(page).to_have_url(re.compile("/operations$"))
    await page.go_back()
    await expect(page.get_by_role("heading", name="Logs", exact=True)).to_be_visible()


async def test_everything_is_a_few_keys_away(opens: Opens) -> None:
    page = await opens("/")
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await page.keyboard.press("g")
    await page.keyboard.press("o")
    await expect(page.get_by_role("heading", name="Operations")).to_be_visible()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("go to plans")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Plans", exact=True)).to_be_visible()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_the_theme_follows_the_system_until_it_is_chosen(opens: Opens) -> None:
    page = await opens("/settings", color_scheme="dark")
    root = page.locator("html")
    await expect(root).to_have_attribute("data-theme", "dark")
    await page.get_by_label("Light", exact=True).check()
    await expect(root).to_have_attribute("data-theme", "light")
    await page.reload()
    await expect(root).to_have_attribute("data-theme", "light")


async def test_a_killed_gateway_is_told_and_the_page_comes_back_by_itself(opens: Opens, house: Stack) -> None:
    page = await opens("/")
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await house.settled(proven=True)
    await page.evaluate("window.sameDocument = true; window.states = []")
    await page.evaluate(
        "new MutationObserver(() => window.states.push(document.querySelector('.state').textContent.trim()))"
        ".observe(document.querySelector('.state'), {subtree: true, childList: true, characterData: true})"
    )
    kill(house.gateway_pids()[0])
    async with asyncio.timeout(10):
        while "Reconnecting…" not in await page.evaluate("window.states"):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    assert await page.evaluate("window.sameDocument")
