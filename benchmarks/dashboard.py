"""`python -m benchmarks.dashboard`: what the page promises, measured in headless Chromium on a real system.

Each figure is the median of three after a warm-up. Needs Debian's chromium and a built dashboard.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, CDPSession, Page, async_playwright

from benchmarks.budgets import Budget
from tests.support.client import Api
from tests.support.stack import Stack

BUILT = Path(__file__).parents[1] / "gateway" / "src" / "gestalt_gateway" / "dashboard"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]
TIMES = 3
FLOOD_LINES = 50_000_000 // 80
CARDS, CARD_SECONDS = 200, 10
ROWS = 100_000
WAIT_MS = 60_000
EXPERIMENT_SECONDS = 90
FRAMES = """async (element) => {
    const times = []
    for (let step = 0; step < 120; step += 1) {
        const before = performance.now()
        if (element) element.scrollTop = (element.scrollHeight / 120) * step
        await new Promise(requestAnimationFrame)
        times.push(performance.now() - before)
    }
    return times.sort((a, b) => a - b)[60]
}"""
LONG_TASKS = """() => {
    window.longest = 0
    new PerformanceObserver((list) => {
        for (const {duration} of list.getEntries()) window.longest = Math.max(window.longest, duration)
    }).observe({type: 'longtask'})
}"""

BUDGETS = {
    "initial script, kB gzip": Budget(75, "a phone on a slow network sees something"),
    "first content, ms": Budget(1000, "nobody wonders whether it works"),
    "terminal painted after the click, ms": Budget(500, "switching feels like switching"),
    "50 MB flood, s": Budget(8, "a build log is not waited for"),
    "longest task in the flood, ms": Budget(200, "the page answers while it scrolls"),
    "echo beside the flood, p95 ms": Budget(100, "typing beside a build feels like typing"),
    "renderer in the flood, MB at its peak": Budget(500, "a tab is not what fills a laptop"),
    "200 cards changing each second, % of the tab": Budget(6, "a page left open costs nothing"),
    "scrolling 100 000 records, times an empty page's frame": Budget(1.3, "long lists are windows"),
}


async def main() -> int:
    """Measure, print, and say by the exit code whether all budgets hold."""
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder), workers=2) as stack, stack.api() as api, async_playwright() as driver:
            browser = await driver.chromium.launch(executable_path=shutil.which("chromium"), args=QUIET)
            found = {"initial script, kB gzip": initial_script()}
            for experiment in (content, attach, flood, cards, rows):
                async with asyncio.timeout(EXPERIMENT_SECONDS):
                    found |= await experiment(browser, stack.url, api)
            await browser.close()
    return report(found)


def report(found: dict[str, float]) -> int:
    """A table; 1 when a budget does not hold."""
    failed = 0
    for name, value in found.items():
        budget = BUDGETS.get(name)
        held = budget is None or budget.holds(value)
        failed += not held
        bound = budget.shown() if budget else ""
        print(f"{name:58} {value:10.1f} {bound:>8} {'' if held else 'OVER'}")
    return 1 if failed else 0


def initial_script() -> float:
    """What home needs: the entry, and the chunks that it and home's own chunk name statically."""
    assets = BUILT / "assets"
    named = re.findall(r"assets/([\w.-]+\.js)", (BUILT / "index.html").read_text())
    named += [file.name for file in assets.glob("Home-*.js")]
    needed: set[str] = set()
    while named:
        name = named.pop()
        if name not in needed:
            needed.add(name)
            named += re.findall(r'(?:from|import) ?"\./([\w.-]+\.js)"', (assets / name).read_text())
    return sum(len(gzip.compress((assets / name).read_bytes())) for name in needed) / 1000


async def median(measure: Callable[[], Awaitable[float]]) -> float:
    """The median of TIMES, after one that does not count."""
    await measure()
    return statistics.median([await measure() for _ in range(TIMES)])


async def opened(browser: Browser, address: str) -> Page:
    """A page in a browser of its own."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    await page.goto(address)
    return page


async def content(browser: Browser, url: str, _: Api) -> dict[str, float]:
    """From the request for the page to its first content."""

    async def once() -> float:
        page = await opened(browser, url)
        await page.get_by_role("button", name="New session").first.wait_for()
        painted: float = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        await page.context.close()
        return painted

    return {"first content, ms": await median(once)}


async def attach(browser: Browser, url: str, api: Api) -> dict[str, float]:
    """From the click on a card to its text on the screen."""
    session = await api.create(["sh", "-c", "echo painted; exec sleep 600"], title="attach")

    async def once() -> float:
        page = await opened(browser, url)
        link = page.get_by_role("link", name="attach 1", exact=True)
        await link.wait_for()
        took: float = await page.evaluate(
            """async () => {
                const link = [...document.querySelectorAll('h3 a')].find((one) => one.textContent === 'attach 1')
                const begun = performance.now()
                link.click()
                while (!document.querySelector('.xterm-rows')?.textContent.includes('painted'))
                    await new Promise(requestAnimationFrame)
                return performance.now() - begun
            }"""
        )
        await page.context.close()
        return took

    took = await median(once)
    await api.delete(session["uid"])
    return {"terminal painted after the click, ms": took}


async def flood(browser: Browser, url: str, api: Api) -> dict[str, float]:
    """50 MB in one terminal, while somebody types in another beside it."""
    loud = await api.create(["bash", "--norc"], title="loud")
    calm = await api.create(["cat"], title="calm")
    page = await opened(browser, f"{url}/sessions/{calm['uid']}?with={loud['uid']}")
    await page.get_by_text("bash-").first.wait_for()
    await page.evaluate(LONG_TASKS)
    begun = time.monotonic()
    line = "x" * 78
    await api.type(loud["uid"], f"yes {line} | head -n {FLOOD_LINES}; echo flood $((1 + 1)) over\r".encode())
    echoes: list[float] = []
    await page.locator(".xterm-helper-textarea").first.focus()
    while not await page.locator(".xterm-rows").nth(1).get_by_text("flood 2 over").count():
        echoes.append(await echo(page, f"k{len(echoes)}."))
    took = time.monotonic() - begun
    longest: float = await page.evaluate("window.longest")
    shown = int((await page.locator(".xterm-rows").nth(1).inner_text()).count("flood 2 over"))
    peak = await peak_megabytes(browser)
    await page.context.close()
    if shown != 1:
        raise RuntimeError("the end of the flood is not shown once")
    p95 = sorted(echoes)[int(len(echoes) * 0.95) - 1]
    return {
        "50 MB flood, s": took,
        "longest task in the flood, ms": longest,
        "echo beside the flood, p95 ms": p95,
        "renderer in the flood, MB at its peak": peak,
    }


async def peak_megabytes(browser: Browser) -> float:
    """The most memory that the largest page's process ever had, its share of libraries included."""
    client = await browser.new_browser_cdp_session()
    processes = (await client.send("SystemInfo.getProcessInfo"))["processInfo"]
    pids = [process["id"] for process in processes if process["type"] == "renderer"]
    return max(_peak_kilobytes(Path(f"/proc/{pid}/status")) for pid in pids) / 1000


def _peak_kilobytes(status: Path) -> int:
    found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


async def echo(page: Page, word: str) -> float:
    """From a key to its picture."""
    took: float = await page.evaluate(
        """async (word) => {
            const field = document.querySelector('.xterm-helper-textarea')
            const data = {data: word, inputType: 'insertText', composed: true, bubbles: true}
            const rows = document.querySelector('.xterm-rows')
            const begun = performance.now()
            field.dispatchEvent(new InputEvent('input', data))
            while (!rows.textContent.includes(word) && performance.now() - begun < 5000)
                await new Promise(requestAnimationFrame)
            return performance.now() - begun
        }""",
        word,
    )
    return took


async def cards(browser: Browser, url: str, api: Api) -> dict[str, float]:
    """The share of a tab's time that 200 talking sessions take."""
    talk = ["sh", "-c", "while :; do date +%s%N; sleep 1; done"]
    made = [await api.create(talk, title="talker") for _ in range(CARDS)]
    page = await opened(browser, url)
    await page.get_by_role("link", name=f"talker {CARDS}", exact=True).wait_for()
    client = await page.context.new_cdp_session(page)
    await client.send("Performance.enable")
    before = await busy(client)
    await asyncio.sleep(CARD_SECONDS)
    share = (await busy(client) - before) / CARD_SECONDS * 100
    await page.context.close()
    for session in made:
        await api.delete(session["uid"])
    return {"200 cards changing each second, % of the tab": share}


async def busy(client: CDPSession) -> float:
    """Seconds of tasks in this tab so far."""
    metrics: dict[str, Any] = await client.send("Performance.getMetrics")
    return float({metric["name"]: metric["value"] for metric in metrics["metrics"]}["TaskDuration"])


async def rows(browser: Browser, url: str, api: Api) -> dict[str, float]:
    """A frame of scrolling through 100 000 records, against one of an empty page."""
    page = await opened(browser, f"{url}/logs")
    await page.get_by_role("heading", name="Logs", exact=True).wait_for()
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "bench"}}]}
    for start in range(0, ROWS, 5_000):
        records = [
            {"timeUnixNano": str(time.time_ns()), "severityText": "INFO", "body": {"stringValue": f"record {number}"}}
            for number in range(start, start + 5_000)
        ]
        body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}
        (await api.http.post("/v1/logs", json=body)).raise_for_status()
    while await page.evaluate("document.querySelector('.list').scrollHeight") < ROWS * 25:  # noqa: ASYNC110 - a page
        await asyncio.sleep(0.5)
    scrolled: float = await page.locator(".list").evaluate(FRAMES)
    await page.goto("about:blank")
    empty: float = await page.evaluate(FRAMES)
    await page.context.close()
    return {"scrolling 100 000 records, times an empty page's frame": scrolled / empty}


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
