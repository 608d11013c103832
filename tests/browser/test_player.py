"""A stock asciinema player watches a session live, and replays its recordings: neither knows anything of us."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import ROOT, Opens
from tests.support.client import Api
from tests.support.eventually import eventually
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="package")
PLAYER = ROOT / "dashboard" / "node_modules" / "asciinema-player" / "dist" / "bundle"
PLAY = """([source, options]) => {
    window.ends = []
    const player = AsciinemaPlayer.create(source, document.getElementById('here'), {autoPlay: true, ...options})
    player.addEventListener('ended', () => window.ends.push('ended'))
}"""


async def player_page(opens: Opens) -> Page:
    """A page of the gateway's origin that holds nothing but the player's own build."""
    page = await opens("/healthz", bypass_csp=True)
    await page.evaluate("document.body.innerHTML = '<div id=here style=\"width: 900px\"></div>'")
    await page.add_style_tag(path=PLAYER / "asciinema-player.css")
    await page.add_script_tag(path=PLAYER / "asciinema-player.min.js")
    return page


async def test_it_shows_the_screen_what_follows_a_resize_and_the_end(opens: Opens, house: Stack, api: Api) -> None:
    command = ["sh", "-c", r"printf 'caf\303\251 \033[31mred\033[m'; read a; printf '\r\nmore %s' $a; read b; exit 3"]
    made = await api.create(command, title="watched by a player")
    await eventually(lambda: shows(api, made["uid"], "café red"))
    page = await player_page(opens)
    await page.evaluate(PLAY, [{"driver": "websocket", "url": socket_of(house, made["uid"])}, {}])
    shown = page.locator(".ap-term")
    await expect(shown).to_contain_text("café red")

    await api.type(made["uid"], b"42\n")
    await expect(shown).to_contain_text("more 42")
    answer = await api.http.post(f"/api/sessions/{made['uid']}/resize", json={"cols": 40, "rows": 10})
    assert answer.status_code == 204
    await expect(page.locator(".ap-line")).to_have_count(10)
    await api.type(made["uid"], b"\n")
    await page.wait_for_function("window.ends.length")


@pytest.mark.parametrize("form", ["v2", "v3"])
async def test_it_replays_a_recording(opens: Opens, api: Api, form: str) -> None:
    made = await api.create(["sh", "-c", r"printf 'caf\303\251 '; printf 'recorded'"], title=f"recorded {form}")
    await eventually(lambda: closed(api, made["uid"]))
    page = await player_page(opens)
    await page.evaluate(PLAY, [f"/api/sessions/{made['uid']}/recording?format={form}", {"speed": 10}])
    await expect(page.locator(".ap-term")).to_contain_text("café recorded")
    await page.wait_for_function("window.ends.length")


def socket_of(house: Stack, uid: str) -> str:
    """The address of a session's socket."""
    return f"ws{house.url.removeprefix('http')}/ws/session/{uid}"


async def shows(api: Api, uid: str, text: str) -> bool:
    """Whether the screen shows a text."""
    return any(text in line for line in (await api.get(f"/api/sessions/{uid}/screen"))["lines"])


async def closed(api: Api, uid: str) -> bool:
    """Whether the program has ended."""
    return bool((await api.session(uid))["status"] == "closed")
