"""Home: what runs, live; starting, stopping, and finding what runs already."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Opens
from tests.support import programs
from tests.support.client import Api
from tests.support.stack import Stack

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


async def test_what_a_terminal_calls_itself_is_shown_as_text(opens: Opens, api: Api) -> None:
    session = await api.create(programs.echo(), title="titled")
    page = await opens("/plans")
    named = (await api.session(session["uid"])) | {"terminal_title": "<img src=x onerror=alert(1)> building"}
    frame = json.dumps({"type": "sessions", "changed": [named], "gone": [], "whole": True})
    await page.route(
        "**/api/sessions/stream",
        lambda route: route.fulfill(content_type="text/event-stream", body=f"data: {frame}\n\n"),
    )
    await page.reload()
    await page.get_by_role("link", name="Home", exact=True).click()
    await expect(page.get_by_role("article")).to_contain_text("<img src=x onerror=alert(1)> building")
    assert await page.locator("img[src=x]").count() == 0
    await api.delete(session["uid"])


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


async def test_a_restarted_shell_is_another_one_of_that_name(opens: Opens, api: Api) -> None:
    before = await api.create(["sh", "-c", "echo life; exec sleep 600"], title="phoenix")
    page = await opens("/")
    await page.get_by_role("button", name="Restart phoenix 1").click()
    await page.get_by_role("dialog").get_by_role("button", name="Restart").click()
    await expect(page.locator(".xterm-rows")).to_contain_text("life")
    after = await api.session("phoenix 1")
    assert after["uid"] != before["uid"]
    await api.delete(after["uid"])


async def test_commits_are_shown_with_what_they_change(opens: Opens, house: Stack) -> None:
    (house.workspace / "code.txt").write_text("one\ntwo\n")
    who = ["-c", "user.name=N", "-c", "user.email=n@example.org"]
    for argv in (["init", "-q"], ["add", "code.txt"], [*who, "commit", "-q", "-m", "feat: <b>two</b> lines"]):
        subprocess.run(["git", *argv], cwd=house.workspace, check=True, capture_output=True)  # noqa: S607, ASYNC221
    page = await opens("/")
    commit = page.get_by_role("group").filter(has_text="<b>two</b> lines")
    await expect(commit).to_contain_text("+2")
    await expect(commit.locator(".chip")).to_have_text("feat")
    await commit.locator("summary").click()
    await expect(commit).to_contain_text("code.txt")


async def test_an_agents_step_is_on_its_card_and_its_word_in_the_notifications(opens: Opens, api: Api) -> None:
    session = await api.create(agent="helper")
    page = await opens("/")
    card = page.get_by_role("article").filter(has_text=session["id"])
    await expect(card).to_be_visible()
    told = {"type": "progress", "task_state": "WIP", "plan_file": "browser.org", "l1": "Write", "message": "half-way"}
    body = {"session_id": session["id"], "payload": told}
    (await api.http.post(f"/api/sessions/{session['id']}/notify", json=body)).raise_for_status()
    await expect(card).to_contain_text("Write")
    await expect(card).to_contain_text("1 of 3")
    await page.reload()
    await page.get_by_role("button", name="Notifications").click()
    await expect(page.get_by_role("dialog", name="Notifications")).to_contain_text("half-way")
    await api.delete(session["uid"])


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
