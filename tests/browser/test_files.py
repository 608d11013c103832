"""The gateway's side of the page: names that tell their content, a policy, no way around the folder."""

from __future__ import annotations

import re

import pytest

from gestalt_gateway.page import SCREENS
from tests.browser.conftest import ROOT, TOKEN
from tests.support.client import Api
from tests.support.stack import Stack

pytestmark = pytest.mark.asyncio(loop_scope="package")


async def test_the_page_names_assets_that_may_be_kept_for_ever(house: Stack, api: Api) -> None:
    page = await api.http.get("/sessions/whatever", headers={"Authorization": ""})
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-cache")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert "http" not in re.sub(r"http-equiv", "", page.text)
    assets = re.findall(r'(?:src|href)="(/assets/[^"]+)"', page.text)
    assert assets
    for asset in assets:
        answer = await api.http.get(asset)
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["content-encoding"] == "gzip"
    del house


@pytest.mark.parametrize("path", ["/assets/none.js", "/assets/../index.html.bak", "/%2e%2e/page.py", "/favicon.ico"])
async def test_what_is_not_of_the_page_is_not_served(api: Api, path: str) -> None:
    assert (await api.http.get(path)).status_code == 404


async def test_the_api_is_not_the_page(api: Api) -> None:
    assert (await api.http.get("/api/nothing", headers={"Authorization": f"Bearer {TOKEN}"})).status_code == 404


async def test_the_gateway_knows_every_screen_by_name() -> None:
    names = re.findall(r"\{ name: '(\w+)'", (ROOT / "dashboard" / "src" / "lib" / "ui" / "screens.ts").read_text())
    assert set(names) - {"home"} == SCREENS
