"""Logs, traces, metrics and operations in a browser."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Opens
from tests.support.client import Api
from tests.support.eventually import eventually

pytestmark = pytest.mark.asyncio(loop_scope="package")
TRACE = "5b8efff798038103d269b633813fc60c"
SECOND = 1_000_000_000
RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "painter"}}]}


def span(number: int, parent: int, name: str, start: int, milliseconds: int) -> dict[str, Any]:
    begun = time.time_ns() + start * 1_000_000
    return {
        "traceId": TRACE, "spanId": f"{number:016x}", "parentSpanId": f"{parent:016x}" if parent else "", "name": name,
        "startTimeUnixNano": str(begun), "endTimeUnixNano": str(begun + milliseconds * 1_000_000),
    }  # fmt: skip


async def send(api: Api) -> None:
    """A trace, a log record of it, and a metric."""
    spans = [span(1, 0, "turn", 0, 900), span(2, 1, "tool call", 100, 300)]
    traces = [{"resource": RESOURCE, "scopeSpans": [{"spans": spans}]}]
    await api.http.post("/v1/traces", json={"resourceSpans": traces})
    record = {
        "timeUnixNano": str(time.time_ns()), "severityText": "ERROR", "severityNumber": 17, "traceId": TRACE,
        "body": {"stringValue": "<b>brush</b> broke"},
    }  # fmt: skip
    logs = [{"resource": RESOURCE, "scopeLogs": [{"logRecords": [record]}]}]
    await api.http.post("/v1/logs", json={"resourceLogs": logs})
    points = [{"timeUnixNano": str(time.time_ns() - age * SECOND), "asDouble": age} for age in range(0, 600, 60)]
    metric = {"name": "paint.left", "gauge": {"dataPoints": points}}
    metrics = [{"resource": RESOURCE, "scopeMetrics": [{"metrics": [metric]}]}]
    await api.http.post("/v1/metrics", json={"resourceMetrics": metrics})


async def test_a_log_line_is_found_and_leads_to_its_trace(opens: Opens, api: Api) -> None:
    await send(api)
    page = await opens("/logs")
    await page.get_by_label("Search logs").fill("BRUSH")
    line = page.get_by_role("button", name="broke")
    await expect(line.first).to_contain_text("<b>brush</b> broke")
    await expect(page).to_have_url(re.compile("query=BRUSH"))
    await line.first.click()
    await expect(page.get_by_text("painter", exact=True).last).to_be_visible()
    await page.get_by_role("link", name="Its trace").click()
    await expect(page.get_by_role("button", name="tool call")).to_contain_text("300 ms")
    await page.get_by_role("link", name="Its logs").click()
    await expect(page.get_by_role("button", name="broke").first).to_be_visible()


async def test_the_tail_is_live_and_pauses(opens: Opens, api: Api) -> None:
    page = await opens("/logs?query=tailed")
    await expect(page.get_by_text("Nothing fits")).to_be_visible()
    await api.http.post("/api/otel/logs", json={"body": "tailed one"})
    await expect(page.get_by_role("button", name="tailed one")).to_be_visible()
    await page.get_by_role("button", name="Pause").click()
    await api.http.post("/api/otel/logs", json={"body": "tailed two"})
    await expect(page.get_by_role("button", name="Go on (1)")).to_be_visible()
    await expect(page.get_by_role("button", name="tailed two")).to_have_count(0)
    await page.get_by_role("button", name="Go on").click()
    await expect(page.get_by_role("button", name="tailed two")).to_be_visible()
    async with page.expect_download() as saved:
        await page.get_by_role("button", name="Export").click()
    assert (await (await saved.value).path()).read_text().count("tailed") == 2


async def test_a_metric_is_drawn(opens: Opens, api: Api) -> None:
    await send(api)
    page = await opens("/charts?name=paint.left")
    await expect(page.get_by_label("avg of paint.left").locator("canvas")).to_be_visible()


async def test_tokens_and_cost_of_a_session_are_shown(opens: Opens, api: Api) -> None:
    moment = {"timeUnixNano": str(time.time_ns()), "startTimeUnixNano": str(time.time_ns() - SECOND)}
    kind = {"attributes": [{"key": "type", "value": {"stringValue": "input"}}]}
    tokens = {"aggregationTemporality": 1, "dataPoints": [{**moment, **kind, "asInt": "4321"}]}
    cost = {"aggregationTemporality": 1, "dataPoints": [{**moment, "asDouble": 1.25}]}
    metrics = [{"name": "claude_code.token.usage", "sum": tokens}, {"name": "claude_code.cost.usage", "sum": cost}]
    whose = {"attributes": [{"key": "session.id", "value": {"stringValue": "Claude 1"}}]}
    batch = {"resourceMetrics": [{"resource": whose, "scopeMetrics": [{"metrics": metrics}]}]}
    (await api.http.post("/v1/metrics", json=batch)).raise_for_status()
    page = await opens("/charts")
    row = page.get_by_role("row").filter(has_text="Claude 1")
    await expect(row).to_contain_text("4,321")
    await expect(row).to_contain_text("1.25")


async def test_a_bar_shows_what_there_was_up_to_then(opens: Opens, api: Api) -> None:
    await api.http.post("/api/otel/logs", json={"body": "barred"})
    page = await opens("/logs?query=barred")
    await page.get_by_role("toolbar", name="Records by minute").get_by_role("button", name="1 info").last.click()
    await expect(page).to_have_url(re.compile("until="))
    await expect(page.get_by_role("button", name="barred")).to_be_visible()
    await page.get_by_role("button", name="until").click()
    await expect(page).not_to_have_url(re.compile("until="))


async def journalled(api: Api) -> bool:
    """Whether a worker has told of what it keeps."""
    return any(worker["journal_bytes"] for worker in await api.get("/api/workers"))


async def test_all_is_well_and_a_worker_is_drained(opens: Opens, api: Api) -> None:
    worker = (await api.get("/api/workers"))[0]["id"]
    session = await api.create(["sh", "-c", "echo kept; exec sleep 600"], title="kept")
    await eventually(lambda: journalled(api))  # the page asks when it opens, and not often
    page = await opens("/operations")
    await expect(page.get_by_text("All is well")).to_be_visible()
    await expect(page.get_by_text("under a second")).to_have_count(2)
    for store in ("telemetry on disk", "journals on disk"):
        await expect(page.locator("dt", has_text=store).locator("+ dd")).to_contain_text(re.compile(r"[1-9].* k?B"))
    switch = page.get_by_role("switch", name=f"Drain {worker}")
    await switch.check()
    await expect(page.get_by_role("row").filter(has_text=worker)).to_contain_text("draining")
    assert {found["id"]: found["state"] for found in await api.get("/api/workers")}[worker] == "draining"
    await api.delete(session["uid"])
    await switch.uncheck()
    await expect(page.get_by_role("row").filter(has_text=worker)).to_contain_text("live")
