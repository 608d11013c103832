"""The built page: which file an address shows, how long it may be kept, what it may do."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from gestalt_gateway.page import INDEX, Page
from gestalt_gateway.routing import is_api


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A page of three files, and one that is nobody's business."""
    (tmp_path / "assets").mkdir()
    (tmp_path / INDEX).write_text("<!doctype html>the page")
    (tmp_path / "assets" / "index-abc.js").write_text("run()")
    (tmp_path / "assets" / "index-abc.js.gz").write_bytes(gzip.compress(b"run()"))
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "secrets.toml").write_text("token")
    return tmp_path


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/assets/none.js",
        "/assets/index-abc.js.gz",
        "/assets/",
        "/assets",
        "/secrets.toml",
        "/../conftest.py",
        "//etc/passwd",
        "/index",
    ],
)
def test_what_is_not_of_the_page_is_not_there(folder: Path, path: str) -> None:
    assert Page(folder).answer(path, packed=False) is None


def test_without_a_build_only_the_root_says_what_this_is(tmp_path: Path) -> None:
    page = Page(tmp_path)
    shown = page.answer("/", packed=False)
    assert shown is not None
    assert shown.body.startswith(b"Gestalt")
    assert page.answer("/plans", packed=False) is None


@pytest.mark.parametrize(
    "path", ["/", "/index.html", "/sessions/01a2", "/sessions/a.b 1", "/plans", "/agents/skill/x.y"]
)
def test_every_address_of_the_page_shows_it_and_is_asked_for_again(folder: Path, path: str) -> None:
    assert not is_api(path)
    shown = Page(folder).answer(path, packed=False)
    assert shown is not None
    headers = dict(shown.headers)
    assert shown.body == b"<!doctype html>the page"
    assert headers[b"cache-control"] == b"no-cache"
    assert b"default-src 'none'" in headers[b"content-security-policy"]
    assert b"unsafe" not in headers[b"content-security-policy"]


def test_an_asset_is_packed_for_who_takes_that_and_kept_for_ever(folder: Path) -> None:
    shown = Page(folder).answer("/assets/index-abc.js", packed=True)
    assert shown is not None
    headers = dict(shown.headers)
    assert gzip.decompress(shown.body) == b"run()"
    assert headers[b"content-encoding"] == b"gzip"
    assert headers[b"vary"] == b"accept-encoding"
    assert b"immutable" in headers[b"cache-control"]
    assert shown.content_type == b"text/javascript; charset=utf-8"


def test_what_the_build_has_not_packed_is_sent_as_it_is(folder: Path) -> None:
    shown = Page(folder).answer("/icon.svg", packed=True)
    assert shown is not None
    assert shown.body == b"<svg/>"
    assert b"content-encoding" not in dict(shown.headers)


def test_a_new_build_is_shown_without_a_restart(folder: Path) -> None:
    page = Page(folder)
    page.answer("/", packed=False)
    (folder / "assets" / "index-abc.js").unlink()
    (folder / "assets" / "index-def.js").write_text("anew()")
    (folder / INDEX).write_text("a new page")
    os.utime(folder / INDEX, (1, 1))
    shown = page.answer("/", packed=False)
    assert shown is not None
    assert shown.body == b"a new page"
    assert page.answer("/assets/index-abc.js", packed=False) is None
    assert page.answer("/assets/index-def.js", packed=False) is not None
