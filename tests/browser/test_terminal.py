"""The terminal: what is typed arrives, what is written is shown, once and in order, whatever dies meanwhile."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import Opens
from tests.support.client import Api
from tests.support.processes import kill
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="package")
SHELL = ["bash", "--norc"]
PHONE = 390
NASTY = (
    r"printf '\033]0;<script>alert(1)</script>\007\033]8;;javascript:alert(1)\007click\033]8;;\007 "
    r"<img src=x onerror=alert(2)> \033]52;c;c3RvbGVu\007 done%s\n' 42"
)
ONCE_LOST = """(text) => {
    const field = document.querySelector('.xterm-helper-textarea')
    const type = (data) => field.dispatchEvent(new InputEvent('input', {data, inputType: 'insertText', composed: true}))
    const watch = new MutationObserver(() => {
        if (!document.querySelector('.note')) return
        watch.disconnect()
        for (const letter of text) type(letter === '\\n' ? '\\r' : letter)
    })
    watch.observe(document.querySelector('.pane'), {childList: true, subtree: true})
}"""
"""Types as soon as the page says that its connection is lost: a dead gateway is back in a blink."""

PASTE = """() => {
    const clipboardData = new DataTransfer()
    clipboardData.setData('text/plain', 'one\\ntwo\\nthree\\nfour\\nfive')
    const paste = new ClipboardEvent('paste', {clipboardData, bubbles: true, cancelable: true})
    document.activeElement.dispatchEvent(paste)
}"""


async def shell(api: Api, title: str) -> str:
    """The uid of a fresh shell."""
    return str((await api.create(SHELL, title=title))["uid"])


async def at_work(page: Page) -> None:
    """The terminal is attached and shows a prompt."""
    await expect(page.locator(".xterm-rows").first).to_contain_text("bash-")


async def size_of(page: Page) -> int:
    """How many rows its terminal has."""
    return await page.locator(".xterm-rows > div").count()


async def test_a_session_that_is_gone_is_said(opens: Opens) -> None:
    page = await opens("/sessions/01900000-0000-7000-8000-000000000000")
    await expect(page.get_by_text("There is no session")).to_be_visible()


async def test_keys_arrive_and_ctrl_c_too(opens: Opens, api: Api) -> None:
    page = await opens(f"/sessions/{await shell(api, 'keys')}")
    await at_work(page)
    await page.locator(".xterm").click()
    await page.keyboard.type("sh -c 'echo up $((1 + 1)); exec sleep 600'\n")
    await expect(page.locator(".xterm-rows")).to_contain_text("up 2")
    await page.keyboard.press("Control+c")
    await page.keyboard.type("echo typed $((40 + 2))\n")
    await expect(page.locator(".xterm-rows")).to_contain_text("typed 42")


async def test_whoever_only_watches_types_nothing(opens: Opens, api: Api) -> None:
    uid = await shell(api, "watched")
    page = await opens(f"/sessions/{uid}")
    await at_work(page)
    await page.get_by_role("button", name="Watch", exact=True).click()
    await at_work(page)
    await page.locator(".xterm").click()
    await page.keyboard.type("echo never")
    await api.type(uid, b"echo other $((40 + 2))\r")
    await expect(page.locator(".xterm-rows")).to_contain_text("other 42")
    await expect(page.locator(".xterm-rows")).not_to_contain_text("never")


async def test_two_browsers_see_the_same(opens: Opens, api: Api) -> None:
    uid = await shell(api, "shared")
    one = await opens(f"/sessions/{uid}")
    two = await opens(f"/sessions/{uid}", viewport={"width": 700, "height": 600})
    await at_work(one)
    await at_work(two)
    await one.locator(".xterm").click()
    await one.keyboard.type("echo from one $((40 + 2))\n")
    await expect(two.locator(".xterm-rows")).to_contain_text("from one 42")
    await expect(two.get_by_text("Sized for another viewer")).to_be_visible()
    assert await size_of(two) == await size_of(one)
    await two.locator(".xterm").click()
    await two.keyboard.type("echo from two $((40 + 2))\n")
    await expect(one.locator(".xterm-rows")).to_contain_text("from two 42")
    await expect(one.get_by_text("Sized for another viewer")).to_be_visible()
    await expect(two.get_by_text("Sized for another viewer")).to_have_count(0)
    await two.close()
    await expect(one.get_by_text("Sized for another viewer")).to_have_count(0)


async def test_a_gateway_killed_while_somebody_types_loses_and_repeats_nothing(
    opens: Opens, api: Api, house: Stack
) -> None:
    uid = await shell(api, "killed")
    page = await opens(f"/sessions/{uid}")
    await at_work(page)
    await house.settled(proven=True)
    await api.type(uid, b"for i in $(seq 1 400); do echo line $i; sleep 0.01; done; echo over $((40 + 2))\r")
    await expect(page.locator(".xterm-rows")).to_contain_text("line 20")
    kill(house.gateway_pids()[0])
    await expect(page.locator(".xterm-rows")).to_contain_text("over 42", timeout=20_000)
    await page.get_by_role("button", name="More for killed 1").click()
    wanted = [str(number) for number in range(1, 401)]
    async with page.expect_download() as transcript:
        await page.get_by_role("button", name="Download transcript").click()
    text = (await (await transcript.value).path()).read_text()
    assert re.findall(r"^line (\d+)", text, re.MULTILINE) == wanted
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.get_by_role("button", name="More for killed 1").click()
    await page.get_by_role("button", name="Copy all text").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    shown = await page.evaluate("navigator.clipboard.readText()")
    assert re.findall(r"^line (\d+)", shown, re.MULTILINE) == wanted


async def test_what_is_typed_while_the_gateway_is_away_arrives_when_it_is_back(
    opens: Opens, api: Api, house: Stack
) -> None:
    page = await opens(f"/sessions/{await shell(api, 'typing')}")
    await at_work(page)
    await house.settled(proven=True)
    await page.locator(".xterm").click()
    await page.keyboard.type("echo before $((40 + 2))\n")
    await expect(page.locator(".xterm-rows")).to_contain_text("before 42")
    await page.evaluate(ONCE_LOST, "echo meanwhile $((40 + 2))\n")
    kill(house.gateway_pids()[0])
    await expect(page.locator(".xterm-rows")).to_contain_text("meanwhile 42", timeout=20_000)
    await page.keyboard.type("echo after $((40 + 2))\n")
    await expect(page.locator(".xterm-rows")).to_contain_text("after 42")


async def test_hostile_output_stays_inert(opens: Opens, api: Api) -> None:
    uid = await shell(api, "<img src=x onerror=alert(1)>")
    page = await opens(f"/sessions/{uid}")
    await at_work(page)
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    await api.type(uid, b"clear; " + NASTY.encode() + b"\r")
    await expect(page.locator(".xterm-rows")).to_contain_text("done42")
    await page.locator(".xterm-screen").click(position={"x": 20, "y": 8}, modifiers=["Control"])
    assert await page.locator("img[src=x], .xterm-rows script").count() == 0
    assert len(page.context.pages) == 1


async def test_many_lines_are_asked_for_before_they_are_pasted(opens: Opens, api: Api) -> None:
    page = await opens(f"/sessions/{await shell(api, 'paste')}")
    await at_work(page)
    await page.locator(".xterm").click()
    await page.evaluate(PASTE)
    await expect(page.get_by_role("dialog")).to_contain_text("Paste 5 lines?")
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator(".xterm-rows")).not_to_contain_text("three")


async def test_text_is_found_and_the_way_out_is_there(opens: Opens, api: Api) -> None:
    uid = await shell(api, "found")
    page = await opens(f"/sessions/{uid}")
    await at_work(page)
    await api.type(uid, b"echo needle; echo needle\r")
    await page.locator(".xterm").click()
    await page.keyboard.press("Control+Shift+f")
    await page.get_by_label("Search in the terminal").fill("needle")
    await expect(page.get_by_role("search").get_by_role("status")).to_contain_text("of 4")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Control+.")
    assert await page.evaluate("document.activeElement.tagName") == "BUTTON"


async def test_a_prompt_of_many_lines_goes_to_several_sessions(opens: Opens, api: Api) -> None:
    uid, other = await shell(api, "first"), await shell(api, "second")
    page = await opens(f"/sessions/{uid}?with={other}")
    await expect(page.locator(".xterm-rows")).to_have_count(2)
    await page.get_by_role("button", name="Send to several sessions").first.click()
    await page.get_by_label("second 1", exact=True).check()
    box = page.get_by_label("Prompt for first 1")
    await box.fill("echo a$((1 + 1))")
    await box.press("Shift+Enter")
    await box.type("echo b$((1 + 2))")
    await box.press("Enter")
    for rows in await page.locator(".xterm-rows").all():
        await expect(rows).to_contain_text("a2")
        await expect(rows).to_contain_text("b3")
    await expect(box).to_have_value("")
    await box.press("Control+ArrowUp")
    await expect(box).to_have_value("echo a$((1 + 1))\necho b$((1 + 2))")


async def test_a_draft_outlives_a_reload_and_a_kept_prompt_the_day(opens: Opens, api: Api) -> None:
    page = await opens(f"/sessions/{await shell(api, 'draft')}")
    box = page.get_by_label("Prompt for draft 1")
    await box.fill("echo kept $((40 + 2))")
    await page.get_by_role("button", name="Keep this prompt").click()
    await page.reload()
    await expect(box).to_have_value("echo kept $((40 + 2))")
    await box.press("Enter")
    await expect(box).to_have_value("")
    await expect(page.locator(".xterm-rows")).to_contain_text("kept 42")
    await box.fill("KEPT")
    await page.get_by_label("Earlier prompts").get_by_role("button").click()
    await expect(box).to_have_value("echo kept $((40 + 2))")
    await box.fill("")
    await page.get_by_label("Kept prompts").get_by_role("button").click()
    await expect(box).to_have_value("echo kept $((40 + 2))")


async def test_tabs_are_turned_by_keys(opens: Opens, api: Api) -> None:
    one, two = await shell(api, "left"), await shell(api, "right")
    page = await opens(f"/sessions/{one}")
    await at_work(page)
    await page.evaluate("uid => history.pushState(null, '', `/sessions/${uid}`)", two)
    await page.reload()
    await at_work(page)
    await page.keyboard.press("Control+.")
    await page.keyboard.press("[")
    await expect(page).to_have_url(re.compile(one))
    await expect(page.locator(".xterm-helper-textarea")).to_be_focused()
    await page.keyboard.press("Control+Shift+}")
    await expect(page).to_have_url(re.compile(two))
    await expect(page.locator(".xterm-helper-textarea")).to_be_focused()
    await page.keyboard.press("Control+.")
    await page.keyboard.press("|")
    await expect(page.locator(".xterm-rows")).to_have_count(2)


async def test_a_recording_is_replayed(opens: Opens, api: Api) -> None:
    script = "echo begun; sleep 0.3; echo middle; sleep 0.3; echo ended"
    session = await api.create(["sh", "-c", script], title="played")
    await asyncio.wait_for(_closed(api, session["uid"]), 10)
    page = await opens(f"/sessions/{session['uid']}")
    await page.get_by_role("button", name="More for played 1").click()
    await page.get_by_role("button", name="Replay", exact=True).click()
    rows = page.locator(".xterm-rows")
    await expect(rows).to_contain_text("ended")
    await page.get_by_label("Position").fill("0.1")
    await expect(rows).not_to_contain_text("middle")
    await expect(rows).to_contain_text("begun")
    await page.get_by_role("button", name="Play", exact=True).click()
    await expect(rows).to_contain_text("ended")


async def test_a_phone_has_the_keys_that_its_keyboard_lacks(opens: Opens, api: Api) -> None:
    uid = await shell(api, "phone")
    page = await opens(f"/sessions/{uid}", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    await at_work(page)
    rows = page.locator(".xterm-rows")
    await page.get_by_label("Prompt for phone 1").fill("echo up $((1 + 1)); sleep 600")
    await page.get_by_role("button", name="Send", exact=True).tap()
    await expect(rows).to_contain_text("up 2")
    keys = page.get_by_role("toolbar", name="Keys")
    await keys.get_by_role("button", name="^C").tap()
    await api.type(uid, b"clear; echo again $((40 + 2))\r")
    await expect(rows).to_contain_text("again 42")
    await api.type(uid, b"clear\r")
    await expect(rows).not_to_contain_text("again 42")
    await keys.get_by_role("button", name="Up").tap()
    await keys.get_by_role("button", name="Up").tap()
    await keys.get_by_role("button", name="Enter").tap()
    await expect(rows).to_contain_text("again 42")
    await api.type(uid, b"cat\r")
    await keys.get_by_role("button", name="Ctrl, for").tap()
    await page.locator(".xterm-screen").tap()
    await page.keyboard.type("d")
    await expect(keys.get_by_role("button", name="Ctrl, for")).to_have_attribute("aria-pressed", "false")
    await api.type(uid, b"echo after $((40 + 2))\r")
    await expect(rows).to_contain_text("after 42")
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE


async def _closed(api: Api, uid: str) -> None:
    while (await api.session(uid))["status"] != "closed":  # noqa: ASYNC110 - asked for like any client would
        await asyncio.sleep(0.05)


async def test_earlier_output_is_paged(opens: Opens, api: Api) -> None:
    uid = await shell(api, "paged")
    await api.type(uid, b"seq 1 1200\r")
    page = await opens(f"/sessions/{uid}")
    await expect(page.locator(".xterm-rows")).to_contain_text("1200")
    await page.get_by_role("button", name="More for paged 1").click()
    await page.get_by_role("button", name="Earlier output").click()
    text = page.get_by_label("Output of paged 1")
    await expect(text).to_contain_text("1200")
    for _ in range(3):
        await page.get_by_role("button", name="Earlier lines").click()
        if await page.get_by_role("button", name="This is the beginning").count():
            break
    await expect(text).to_contain_text("\n1\n2\n3\n")
