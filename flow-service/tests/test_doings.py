"""Whose doing a changed file is: nobody's first, then a flow's, and where its chain ends."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gestalt_contracts.events import Cause, Event
from gestalt_flow.doings import (
    KEPT_MS,
    LONGEST_MS,
    SILENT_MS,
    UNNAMED_MS,
    Doing,
    after,
    blamed,
    changed_by,
    is_over,
    root_of,
)
from gestalt_flow.planning import DEEPEST_CAUSE, PATIENCE, PERSON_MS, loop_in, seen

NOW = 1_700_000_000_000
CAUSE = Cause("e", 3, since=NOW - 1_000)
COMMAND = Doing("/w", NOW, cause=CAUSE, session="Shell 2", uid="u")


def event(kind: str = "file-change", topic: str = "file", at: int = NOW + 10, **more: Any) -> Event:
    data = more.pop("data", {"path": "/w/a"})
    return Event(type=kind, topic=topic, occurred_at=datetime.fromtimestamp(at / 1000, UTC), data=data, **more)


def about(kind: str, at: int, cause: Cause | None = CAUSE) -> Event:
    return event(kind, "terminal", at, session_uid="u", cause=cause)


def test_what_lies_elsewhere_or_changed_at_another_time_is_nobodys() -> None:
    ended = Doing("/w", NOW, NOW + 100, CAUSE, uid="u")
    for told in (
        event(data={"path": "/wide/a"}),
        event(at=NOW - 1_000),
        event(at=NOW + 1_000),
        event(cause=Cause("known")),
        event("work-start", "notify"),
        event("terminal_idle", "terminal"),
    ):
        assert changed_by(told, [ended], "/w") is None
    assert changed_by(event("git-branch", "git"), [Doing("/w/tree", NOW, cause=CAUSE, uid="u")], "/w") is None
    dead = Doing("/w", NOW, cause=CAUSE)
    assert changed_by(event(at=NOW + UNNAMED_MS + 1_000), [dead], "/w") is None


def test_a_changed_file_is_the_doing_of_who_works_there_the_deepest_chain_first() -> None:
    deeper = Doing("/w/sub", NOW, cause=Cause("f", 5), session="Coder 1", uid="v")
    assert changed_by(event(), [COMMAND, deeper], "/w") == COMMAND
    found = changed_by(event(data={"path": "/w/sub/a"}), [COMMAND, deeper], "/w")
    assert found == deeper
    assert blamed(event(), COMMAND).cause == Cause("e", 3, NOW - 1_000, "Shell 2")
    assert changed_by(event("git-branch", "git", data={"path": "main"}), [COMMAND], "/w/project") == COMMAND
    save = Doing("/w", NOW, NOW + 10)
    assert changed_by(event(), [COMMAND, save], "/w") == save


def test_a_doing_ends_with_its_session_and_wakes_with_it_until_somebody_else_types() -> None:
    ended = after(COMMAND, about("terminal_closed", NOW + 500))
    assert ended is not None
    assert (ended.ended, is_over(ended, NOW + 500 + KEPT_MS + 1)) == (NOW + 500, True)
    assert after(COMMAND, about("terminal_idle", NOW + 500)) == COMMAND
    typed = Doing("/w", NOW, NOW + SILENT_MS, CAUSE, uid="u", typed=True)
    active = after(typed, about("terminal_active", NOW + 5))
    assert active is not None
    assert active.ended is None
    idle = after(active, about("terminal_idle", NOW + 60_000))
    assert idle is not None
    assert (idle.ended, is_over(idle, NOW + 120_000), is_over(idle, NOW + LONGEST_MS + 1)) == (
        NOW + 60_000,
        False,
        True,
    )
    assert after(idle, about("terminal_active", NOW + 90_000, cause=None)) is None
    assert not is_over(COMMAND, NOW + UNNAMED_MS * 5)
    assert is_over(Doing("/w", NOW, cause=CAUSE), NOW + UNNAMED_MS + KEPT_MS + 1)


def test_a_program_writes_into_its_working_tree(tmp_path: Path) -> None:
    workspace, tree = tmp_path / "w", tmp_path / "w" / "tree"
    (tree / "sub").mkdir(parents=True)
    assert root_of("", workspace) == root_of("tree/sub", workspace) == str(workspace)
    assert root_of(str(tmp_path), workspace) == str(tmp_path)
    (tree / ".git").write_text("gitdir: elsewhere")
    assert root_of("tree/sub", workspace) == str(tree)


@pytest.mark.parametrize(
    ("links", "milliseconds", "inferred", "stopped"),
    [
        (DEEPEST_CAUSE - 1, 1_000, "Shell 2", False),
        (DEEPEST_CAUSE, 1_000, "Shell 2", True),
        (DEEPEST_CAUSE, DEEPEST_CAUSE * PERSON_MS, "Shell 2", False),
        (DEEPEST_CAUSE, DEEPEST_CAUSE * PERSON_MS, "", True),
        (DEEPEST_CAUSE * PATIENCE, DEEPEST_CAUSE * PATIENCE * PERSON_MS * 2, "Shell 2", True),
    ],
)
def test_a_chain_through_files_may_be_longer_at_a_persons_pace(
    links: int, milliseconds: int, inferred: str, *, stopped: bool
) -> None:
    cause = Cause("e", links, since=NOW - milliseconds, inferred=inferred)
    told = loop_in(seen(event(at=NOW, cause=cause), f"{NOW}-0"), links + 1, DEEPEST_CAUSE)
    assert (told is not None) is stopped
    if told and inferred:
        assert "the doing of Shell 2" in told
