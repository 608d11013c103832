"""axe-core finds no serious issue on any screen, in both themes, at the size of a laptop and of a phone."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import ROOT, Opens
from tests.support.client import Api
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="package")
AXE = ROOT / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
SCREENS = [
    "/", "/sessions", "/plans", "/flows/default-file-changed", "/logs", "/traces", "/charts", "/operations",
    "/agents/agent/helper", "/settings",
]  # fmt: skip
TITLE = "a rather long title of a session that goes on"
OPENED = {
    "/": ["New session", "Control+k", "?"],
    "/sessions": ["More for {session}", "Send to several sessions"],
    "/plans": ["Send “Refuse” to an agent"],
    "/flows/default-file-changed": ["YAML", "Test", "Try, without doing anything", "Runs"],
}
"""What is opened on a screen and looked at as well."""

KEYS = {"Control+k", "?"}
LOOKS = {
    "laptop-light": ("light", 1280, 800),
    "laptop-dark": ("dark", 1280, 800),
    "phone-light": ("light", 390, 844),
    "phone-dark": ("dark", 390, 844),
}
WHEN = {"laptop-light": (), "phone-dark": (), "laptop-dark": pytest.mark.slow, "phone-light": pytest.mark.slow}
SERIOUS = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .filter(({impact}) => impact === 'serious' || impact === 'critical')
    .map(({id, nodes}) => [id, nodes.slice(0, 3).map(({target, failureSummary}) => [target, failureSummary])])"""


@pytest.mark.parametrize("look", [pytest.param(name, marks=marks) for name, marks in WHEN.items()])
async def test_every_screen_is_accessible_and_fits(opens: Opens, api: Api, house: Stack, look: str) -> None:
    scheme, width, height = LOOKS[look]
    session = (await api.create(["bash", "--norc"], title=TITLE))["id"]
    page = await opens("/", color_scheme=scheme, viewport={"width": width, "height": height}, reduced_motion="reduce")
    axe = AXE.read_text(encoding="utf-8")
    found: dict[str, object] = {}
    for screen in SCREENS:
        await page.goto(house.url + screen)
        await expect(page.locator(".content .screen, .content .room").first).to_be_visible()
        await expect(page.get_by_text("Loading…")).to_have_count(0)
        await page.evaluate(axe)
        found[screen] = await page.evaluate(SERIOUS)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, f"{screen} scrolls sideways"
        for opener in OPENED.get(screen, ()):
            await press(page, opener.format(session=session))
            found[f"{screen} {opener}"] = await page.evaluate(SERIOUS)
            assert await page.evaluate("document.documentElement.scrollWidth") <= width, f"{opener} scrolls sideways"
            await page.keyboard.press("Escape")
    assert {screen: issues for screen, issues in found.items() if issues} == {}


async def press(page: Page, opener: str) -> None:
    """A button by its name, or a stroke of keys; what it opens is there before axe looks."""
    if opener in KEYS:
        await page.keyboard.press(opener)
        await expect(page.get_by_role("dialog")).to_be_visible()
        return
    await page.get_by_role("button", name=opener, exact=True).first.click()
    await expect(page.get_by_text("Loading…")).to_have_count(0)


async def test_the_login_is_accessible(opens: Opens) -> None:
    page = await opens("/", known=False)
    await expect(page.get_by_label("Token")).to_be_visible()
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    assert await page.evaluate(SERIOUS) == []
