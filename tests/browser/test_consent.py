"""What a page does only if a person has said so: programs that write the clipboard, notes on the desktop."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Opens
from tests.support.client import Api

pytestmark = pytest.mark.asyncio(loop_scope="package")
COPIES = rb"""printf '\033]52;c;c3RvbGVu\007'; echo copied $((40 + 2))"""
ASKS = rb"""printf '\033]52;c;?\007'; IFS= read -rs -t 2 -n 200 reply; echo "got<${#reply}>" """
RECORDED = """() => {
    window.notes = []
    window.Notification = class { constructor(title, {body}) { window.notes.push(`${title}: ${body}`) } }
    window.Notification.permission = 'granted'
    window.Notification.requestPermission = async () => 'granted'
}"""
BEHIND = """() => {
    Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})
    document.dispatchEvent(new Event('visibilitychange'))
}"""


async def attached(opens: Opens, api: Api, title: str) -> tuple[Page, str]:
    """A page that may use the clipboard, with a shell."""
    uid = str((await api.create(["bash", "--norc"], title=title))["uid"])
    page = await opens(f"/sessions/{uid}")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await expect(page.locator(".xterm-rows")).to_contain_text("bash-")
    await page.evaluate("navigator.clipboard.writeText('mine')")
    return page, uid


async def test_programs_do_not_write_the_clipboard_unless_somebody_lets_them(opens: Opens, api: Api) -> None:
    page, uid = await attached(opens, api, "copies")
    await api.type(uid, COPIES, enter=1)
    await expect(page.locator(".xterm-rows")).to_contain_text("copied 42")
    assert await page.evaluate("navigator.clipboard.readText()") == "mine"
    await page.get_by_role("link", name="Settings", exact=True).click()
    await page.get_by_label("Let programs write the clipboard").check()
    await page.go_back()
    await expect(page.locator(".xterm-rows")).to_contain_text("bash-")
    await api.type(uid, b"clear; " + COPIES, enter=1)
    await expect(page.locator(".xterm-rows")).to_contain_text("copied 42")
    await page.wait_for_function("async () => await navigator.clipboard.readText() === 'stolen'")


async def test_programs_never_read_the_clipboard(opens: Opens, api: Api) -> None:
    page, uid = await attached(opens, api, "asks")
    await page.evaluate("localStorage.setItem('gestalt.preferences', JSON.stringify({programsMayCopy: true}))")
    await page.reload()
    await expect(page.locator(".xterm-rows")).to_contain_text("bash-")
    await api.type(uid, ASKS, enter=1)
    await expect(page.locator(".xterm-rows")).to_contain_text("got<0>")
    assert await page.evaluate("navigator.clipboard.readText()") == "mine"


async def test_notes_come_to_the_desktop_on_request_and_behind_other_windows_only(opens: Opens, api: Api) -> None:
    session = await api.create(agent="helper")

    async def tell(word: str) -> None:
        payload = {"type": "agent-turn-complete", "message": word}
        body = {"session_id": session["id"], "payload": payload}
        answer = await api.http.post(f"/api/sessions/{session['id']}/notify", json=body)
        assert answer.status_code == 204, answer.text

    page = await opens("/settings")
    await page.evaluate(RECORDED)
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await tell("in sight")
    await expect(page.locator(".toast").filter(has_text="in sight")).to_be_visible()
    await page.get_by_label("On the desktop").check()
    await tell("in sight still")
    await expect(page.locator(".toast").filter(has_text="in sight still")).to_be_visible()
    assert await page.evaluate("window.notes") == []
    await page.evaluate(BEHIND)
    await tell("out of sight")
    await page.wait_for_function("window.notes.length === 1")
    assert (await page.evaluate("window.notes"))[0] == f"{session['id']}: out of sight"
    await api.delete(session["uid"])
