"""Plans, flows, agents and skills in a browser."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import FilePayload, expect

from tests.browser.conftest import Opens
from tests.support.client import Api
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_a_plan_shows_how_far_it_is_and_who_is_at_it(opens: Opens, api: Api) -> None:
    session = await api.create(agent="helper")
    place = {"plan_file": "browser.org", "l1": "Write", "l2": "Decode =batches="}
    told = {"type": "progress", "task_state": "WIP", **place}
    body = {"session_id": session["id"], "payload": told}
    answer = await api.http.post(f"/api/sessions/{session['id']}/notify", json=body)
    assert answer.status_code == 204, answer.text
    page = await opens("/plans")
    plan = page.get_by_role("group").filter(has_text="Browser plan")
    await expect(plan.get_by_text("1 of 3")).to_be_visible()
    await expect(plan.locator("code")).to_have_text("batches")
    await expect(plan).to_contain_text("Helper 1")
    await plan.get_by_role("button", name="Send “Refuse” to an agent").click()
    await page.get_by_role("dialog").get_by_role("button", name="Helper 1").click()
    await expect(page.get_by_text("Sent to Helper 1.")).to_be_visible()
    output = await api.get(f"/api/sessions/{session['uid']}/output")
    assert any("TODO Refuse" in line for line in output["lines"])
    await api.delete(session["uid"])


async def test_a_changed_plan_is_shown_at_once(opens: Opens, house: Stack) -> None:
    page = await opens("/plans")
    await expect(page.get_by_role("heading", name="Browser plan")).to_be_visible()
    (house.data / "plans" / "fresh.org").write_text("#+TITLE: Fresh from disk\n* Only words\n")
    await expect(page.get_by_role("heading", name="Fresh from disk")).to_be_visible()
    await page.get_by_label("Search plans").fill("only words")
    await expect(page.get_by_role("heading", name="Browser plan")).to_have_count(0)


async def test_a_flow_is_written_tried_saved_and_fires(opens: Opens, house: Stack) -> None:
    page = await opens("/flows")
    await page.get_by_role("button", name="New", exact=True).click()
    await page.get_by_label("Label").fill("Tell of notes")
    await page.get_by_label("When", exact=True).fill("file-change")
    await page.get_by_label("Add an activity").select_option("toast_notification")
    await page.get_by_label("Message template *", exact=True).fill("Noted {{path}}")
    await page.get_by_role("button", name="YAML").click()
    editor = page.get_by_label("YAML of new-flow")
    await expect(editor).to_contain_text("Noted {{path}}")
    await page.get_by_role("button", name="Test", exact=True).click()
    await page.get_by_role("button", name="Try, without").click()
    await expect(page.get_by_text("It would fire")).to_be_visible()
    await expect(page.get_by_text("Unsaved changes")).to_be_visible()
    await page.get_by_role("button", name="Save changes").click()
    await expect(page.get_by_text("Flows saved.")).to_be_visible()
    (house.workspace / "notes.txt").write_text("x")
    await expect(page.locator(".toast").filter(has_text="Noted").filter(has_text="notes.txt")).to_be_visible()
    await page.get_by_role("button", name="Runs").click()
    await page.get_by_role("button", name="succeeded").first.click()
    await expect(page.get_by_text("attempt 1")).to_be_visible()


async def test_what_the_form_says_is_in_the_yaml(opens: Opens) -> None:
    page = await opens("/flows/default-file-changed")
    await page.get_by_text("How often").click()
    await page.get_by_label("Pause after firing").fill("5s")
    await page.get_by_label("Pause after firing").fill("")
    await page.get_by_label("At most so many times").fill("3")
    await page.get_by_label("in", exact=True).fill("1h")
    await page.get_by_label("Add a condition to condition").click()
    await page.get_by_label("Field of condition 2").fill("path")
    await page.get_by_label("Operator of condition 2").select_option("glob")
    await page.get_by_label("Value of condition 2").fill("*.md")
    await page.keyboard.press("Tab")
    await page.get_by_role("button", name="YAML").click()
    editor = page.get_by_label("YAML of default-file-changed")
    await expect(editor).to_contain_text("limit: 3")
    await expect(editor).to_contain_text("op: glob")
    await expect(editor).not_to_contain_text("cooldown")
    await page.get_by_role("button", name="Discard").click()


async def test_yaml_and_form_are_in_step_and_leaving_asks(opens: Opens) -> None:
    page = await opens("/flows/default-file-changed")
    await page.get_by_role("button", name="YAML").click()
    editor = page.get_by_label("YAML of default-file-changed")
    await editor.click()
    await page.keyboard.press("Control+End")
    await page.keyboard.type("\ncooldown: 5s")
    await page.keyboard.press("Control+.")
    await page.get_by_role("button", name="Form").click()
    await expect(page.get_by_label("Pause after firing")).to_have_value("5s")
    await expect(page.get_by_label("Value of condition 1")).not_to_have_value("")
    asked: list[str] = []

    async def stay(dialog: object) -> None:
        asked.append(dialog.message)  # type: ignore[attr-defined]
        await dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", stay)
    await page.get_by_role("link", name="Home", exact=True).click()
    assert asked
    await expect(page.get_by_role("heading", name="Flows")).to_be_visible()
    await page.get_by_role("button", name="Discard").click()
    await page.get_by_role("link", name="Home", exact=True).click()
    await expect(page.get_by_role("button", name="New session").first).to_be_visible()


async def test_what_is_wrong_with_a_flow_is_said(opens: Opens) -> None:
    page = await opens("/flows/default-file-changed")
    await page.get_by_label("When", exact=True).fill("")
    await page.get_by_role("button", name="Save changes").click()
    await expect(page.get_by_role("alert").first).to_contain_text("event_type")
    await page.get_by_role("button", name="Discard").click()


async def test_a_flow_by_the_clock_is_made_in_the_form(opens: Opens, api: Api) -> None:
    page = await opens("/flows")
    await page.get_by_role("button", name="New", exact=True).click()
    await page.get_by_label("When", exact=True).fill("schedule")
    await page.get_by_label("Kind").select_option("cron")
    await page.get_by_label("Minute hour day").fill("never")
    await page.get_by_role("button", name="Save changes").click()
    await expect(page.get_by_role("alert").first).to_contain_text("cron has five fields")
    await page.get_by_label("Kind").select_option("every")
    await page.get_by_label("Every", exact=True).fill("12h")
    await page.get_by_role("button", name="Save changes").click()
    await expect(page.get_by_text("Flows saved.")).to_be_visible()
    saved = (await api.get("/api/flow/config"))["triggers"][-1]
    assert saved["schedule"] == {"every": "12h"}


async def test_an_import_shows_first_what_it_would_change(opens: Opens, api: Api) -> None:
    before = await api.get("/api/flow/config")
    page = await opens("/flows")
    await expect(page.get_by_role("switch").first).to_be_visible()
    field = page.get_by_label("A bundle to import")
    bundle = (await api.http.get("/api/flow/config/export")).text + "  - {id: brought, event_type: file-change}\n"
    await field.set_input_files({"name": "no.yaml", "mimeType": "text/yaml", "buffer": b"flows: 3"})
    await expect(page.locator(".toast").filter(has_text="list of flows")).to_be_visible()
    file: FilePayload = {"name": "more.yaml", "mimeType": "text/yaml", "buffer": bundle.encode()}
    await field.set_input_files(file)
    preview = page.get_by_role("dialog", name="Import more.yaml?")
    await expect(preview.locator("li")).to_have_count(1)
    await expect(preview).to_contain_text("added brought")
    await preview.get_by_role("button", name="Cancel").click()
    assert (await api.get("/api/flow/config"))["revision"] == before["revision"]
    await field.set_input_files(file)
    await preview.get_by_role("button", name="Import", exact=True).click()
    await expect(page.get_by_role("link", name="brought")).to_be_visible()
    (await api.http.put("/api/flow/config", json=before)).raise_for_status()


async def test_what_failed_is_tried_again(opens: Opens, api: Api, house: Stack) -> None:
    before = await api.get("/api/flow/config")
    trigger = {"id": "refused", "label": "Refused", "event_type": "file-change", "where": {}}
    binding = {"activity_id": "post_webhook", "config": {"url": "http://127.0.0.1:9/"}}
    config = {"version": 1, "triggers": [trigger], "bindings_by_trigger_id": {"refused": [binding]}}
    (await api.http.put("/api/flow/config", json=config)).raise_for_status()
    (house.workspace / "refused.txt").write_text("x")
    page = await opens("/flows/refused")
    await page.get_by_role("button", name="Runs").click()
    await page.get_by_role("button", name="failed").first.click()
    await expect(page.get_by_text("attempt 1")).to_be_visible()
    await page.get_by_role("button", name="Try the failed activities again").click()
    await expect(page.get_by_text("attempt 2")).to_be_visible()
    (await api.http.put("/api/flow/config", json=before)).raise_for_status()


async def test_a_profile_that_does_not_load_says_where(opens: Opens, house: Stack) -> None:
    page = await opens("/agents/agent/helper")
    await expect(page.get_by_text("bash --norc")).to_be_visible()
    broken = house.data / "config" / "agents" / "broken.toml"
    async with asyncio.timeout(10):
        while not await page.get_by_role("alert").count():  # until the page listens
            broken.write_text('name = "Broken\n')
            await asyncio.sleep(0.5)
    await expect(page.get_by_role("alert")).to_contain_text("broken.toml")
    broken.unlink()
    await page.get_by_role("link", name="plan-a-change").click()
    await expect(page.locator("pre")).to_contain_text("plan")
