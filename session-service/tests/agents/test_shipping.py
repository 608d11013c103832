"""Shipped files: nobody's work is overwritten, whatever the order of changes and however many lay them out."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.agents import check, shipping
from gestalt_session.agents.catalogue import Catalogue
from gestalt_session.agents.launching import Surroundings
from gestalt_session.agents.shipping import MANIFEST, SHIPPED, Decision, decide, lay_out, update

OURS = sorted(path.stem for path in (SHIPPED / "agents").glob("*.toml"))
HASHES = st.sampled_from(["a", "b", "c"])


def catalogue_of(config: Path) -> Catalogue:
    return Catalogue(config, config)


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    (folder / "agents").mkdir(parents=True)
    (folder / "agents" / "a.toml").write_text("one")
    return folder


@pytest.fixture
def mine(tmp_path: Path, shipped: Path) -> Path:
    """The laid out file."""
    (tmp_path / "config").mkdir()
    update(tmp_path / "config", shipped)
    return tmp_path / "config" / "agents" / "a.toml"


@given(st.none() | HASHES, st.none() | HASHES, HASHES)
def test_only_what_is_nobodys_is_written(baseline: str | None, local: str | None, ships: str) -> None:
    decision = decide(baseline, local, ships)
    if decision is Decision.INSTALL:
        assert local is None or local == baseline != ships
    if decision is Decision.BESIDE:
        assert local not in {baseline, ships}


def test_a_file_of_that_name_that_was_there_first_stays(tmp_path: Path, shipped: Path) -> None:
    mine = tmp_path / "config" / "agents" / "a.toml"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    update(tmp_path / "config", shipped)
    assert (mine.read_text(), mine.with_name("a.toml.dist").read_text()) == ("mine", "one")


def test_a_change_of_both_goes_beside_and_the_one_before_is_kept(mine: Path, shipped: Path) -> None:
    mine.write_text("mine")
    for text in ("two", "three"):
        (shipped / "agents" / "a.toml").write_text(text)
        update(mine.parents[1], shipped)
        update(mine.parents[1], shipped)
    assert mine.read_text() == "mine"
    assert sorted(path.read_text() for path in mine.parent.glob("a.toml.dist*")) == ["three", "two"]


def test_an_untouched_file_follows_what_is_shipped(mine: Path, shipped: Path) -> None:
    (shipped / "agents" / "a.toml").write_text("two")
    update(mine.parents[1], shipped)
    assert [path.name for path in mine.parent.iterdir()] == ["a.toml"]
    assert mine.read_text() == "two"


def test_a_changed_file_stays_while_ours_does_not_change(mine: Path, shipped: Path) -> None:
    mine.write_text("mine")
    update(mine.parents[1], shipped)
    assert [path.name for path in mine.parent.iterdir()] == ["a.toml"]


def test_links_and_folders_in_its_place_are_left_alone(mine: Path, shipped: Path, tmp_path: Path) -> None:
    mine.unlink()
    (tmp_path / "elsewhere").write_text("one")
    mine.symlink_to(tmp_path / "elsewhere")
    (shipped / "agents" / "a.toml").write_text("two")
    update(mine.parents[1], shipped)
    assert (tmp_path / "elsewhere").read_text() == "one"
    assert mine.is_symlink()


def test_a_broken_manifest_makes_everything_somebodys(mine: Path, shipped: Path) -> None:
    (mine.parents[1] / MANIFEST).write_text("[")
    (shipped / "agents" / "a.toml").write_text("two")
    update(mine.parents[1], shipped)
    assert mine.read_text() == "one"


async def test_a_folder_that_cannot_be_written_is_told_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file")
    with structlog.testing.capture_logs() as logs:
        await lay_out(tmp_path / "config")
    assert logs[0]["log_level"] == "warning"


async def test_who_waits_for_a_stuck_one_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "TURN_SECONDS", 0.05)
    stuck = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(stuck, fcntl.LOCK_EX)
    await lay_out(tmp_path)
    os.close(stuck)
    assert await catalogue_of(tmp_path).agents() == []


async def test_what_we_ship_loads_and_starts_for_whoever_lays_it_out_first(tmp_path: Path) -> None:
    await asyncio.gather(*(lay_out(tmp_path) for _ in range(4)))
    catalogue = catalogue_of(tmp_path)
    entries = await catalogue.agents()
    assert [entry.id for entry in entries] == OURS
    for listed in entries:
        entry = await catalogue.agent(listed.id)
        assert entry is not None
        assert not entry.warnings
        plan = await catalogue.launch(entry.profile, Surroundings(session_id="X 1", ports={"frontend": 1}))
        assert not plan.warnings
    assert check.agents(tmp_path / "agents")[2] == 0
