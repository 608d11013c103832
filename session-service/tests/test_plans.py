"""Plans over HTTP: a bad file is told and hides no other, what changed is seen, the rest is not read again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from session_world import Running, World, refused

from gestalt_session.workspace.plans import catalogue
from gestalt_session.workspace.plans.catalogue import Plans

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = {
    "filename", "title", "subtitle", "date", "keywords", "headings", "l1_count", "l2_count",
    "priority_a", "priority_b", "priority_c",
}  # fmt: skip


def folder_of(world: World) -> Path:
    folder = world.workspace / ".gestalt" / "plans"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def listed(worker: Running) -> dict[str, dict[str, Any]]:
    answer = await worker.get("/api/plans")
    assert set(answer) == {"plans"}
    return {plan["filename"]: plan for plan in answer["plans"]}


async def test_a_plan_that_is_not_listed_is_not_found(world: World) -> None:
    worker = await world.start()
    folder = folder_of(world)
    (folder.parent / "secret.org").write_text("* secret")
    (folder / "x.txt").write_text("* no plan")
    for name in ("none.org", "x.txt", "..%2Fsecret.org", "%2e%2e%2fsecret.org", ".org%00"):
        answer = await worker.http.get(f"/api/plans/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), name
    refused(await worker.http.get("/api/plans/none.org"), 404, "plan not found")
    assert await listed(worker) == {}


async def test_bad_files_are_told_and_hide_no_others(world: World) -> None:
    worker = await world.start()
    folder = folder_of(world)
    (folder / "good.org").write_text("#+TITLE: Gut é\n* TODO a\n")
    (folder / "long.org").write_bytes(b"x" * (10 * 1024 * 1024))
    (folder / "binary.org").write_bytes(b"* a\n\xff\xfe")
    (folder / "lost.org").symlink_to("nowhere")
    (folder / ".#good.org").symlink_to("me@host.1234")
    (folder / "folder.org").mkdir()
    os.mkfifo(folder / "pipe.org")
    (folder / os.fsdecode(b"b\xe9.org")).write_text("* b")
    plans = await listed(worker)
    assert list(plans) == ["lost.org", "long.org", "good.org", "b\ufffd.org", "binary.org"]
    assert set(plans["good.org"]) == KEYS
    assert (plans["good.org"]["title"], plans["good.org"]["l1_count"]) == ("Gut é", 1)
    errors = {name: plan["error"] for name, plan in plans.items() if "error" in plan}
    assert errors == {
        "lost.org": "lost.org cannot be read: No such file or directory",
        "long.org": "long.org is longer than 4194304 bytes",
        "binary.org": "binary.org is not UTF-8 text: byte 4",
    }
    assert set(plans["long.org"]) == KEYS | {"error"}
    assert await worker.get("/api/plans/good.org") == plans["good.org"]
    assert await worker.get("/api/plans/long.org") == plans["long.org"]


async def test_what_changes_is_seen_with_the_next_answer(world: World) -> None:
    worker = await world.start()
    assert await listed(worker) == {}
    file = folder_of(world) / "a.org"
    file.write_text("* one")
    assert [one["text"] for one in (await listed(worker))["a.org"]["headings"]] == ["one"]
    file.write_text("* two\n* three")
    assert [one["text"] for one in (await listed(worker))["a.org"]["headings"]] == ["two", "three"]
    other = file.with_name("b")
    other.write_text("* six\n* seven")
    other.replace(file)
    assert [one["text"] for one in (await listed(worker))["a.org"]["headings"]] == ["six", "seven"]
    file.unlink()
    assert await listed(worker) == {}


async def test_what_is_known_is_not_parsed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    parse = catalogue.parse

    def counted(filename: str, source: str) -> Any:
        parsed.append(filename)
        return parse(filename, source)

    monkeypatch.setattr(catalogue, "parse", counted)
    plans = Plans(tmp_path)
    for name in ("a.org", "b.org"):
        (tmp_path / name).write_text("* x")
    first = await plans.all()
    assert await plans.all() is first
    assert parsed == ["b.org", "a.org"]
    (tmp_path / "a.org").write_text("* longer")
    assert await plans.all() is not first
    assert parsed == ["b.org", "a.org", "a.org"]


async def test_all_plans_together_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "MOST_BYTES_OF_ALL", 10)
    for name in ("a.org", "b.org", "c.org"):
        (tmp_path / name).write_text("* 45678")
    assert (await Plans(tmp_path).all()).count(b'"error":') == 2
