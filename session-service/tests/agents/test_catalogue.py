"""The catalogue follows the disk: bad files are set apart, changes are seen at once, and told once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gestalt_session.agents.catalogue import Catalogue
from gestalt_session.agents.files import LARGEST_BYTES
from gestalt_session.agents.folders import AgentFolder

GOOD = 'name = "{}"\nshell = "bash"\n'
Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file of the configuration."""

    def written(name: str, text: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return written


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue(tmp_path, tmp_path)


def skill_text(name: str) -> str:
    return f"---\nname: {name}\ndescription: d\n---\nbody\n"


async def ids(catalogue: Catalogue) -> list[str]:
    return [entry.id for entry in await catalogue.agents()]


# -- refusals


async def test_nothing_configured_is_nothing(catalogue: Catalogue) -> None:
    assert (await catalogue.agents(), await catalogue.skills()) == ([], [])
    assert (await catalogue.agent("a"), await catalogue.skill("a"), await catalogue.skills_of("a")) == (None,) * 3


NOBODYS = ["../a", "..", ".", "", "a/b", "a..b", ".a", "a\0", "a.toml", "A.TOML", "a b", "é", "a" * 129]


@pytest.mark.parametrize("agent_id", NOBODYS)
async def test_ids_that_might_be_paths_are_nobodys(write: Write, catalogue: Catalogue, agent_id: str) -> None:
    write("agents/a.toml", GOOD.format("A"))
    write("agents/a.toml.toml", GOOD.format("B"))
    write("agents/a..b.toml", GOOD.format("C"))
    write("a.toml", GOOD.format("D"))
    assert await catalogue.agent(agent_id) is None
    assert await ids(catalogue) == ["a"]


async def test_what_cannot_be_read_is_set_apart(tmp_path: Path, write: Write, catalogue: Catalogue) -> None:
    write("agents/good.toml", GOOD.format("Good"))
    write("agents/huge.toml", b"#" * (LARGEST_BYTES + 1))
    write("agents/bytes.toml", b"\xff")
    (tmp_path / "agents" / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "agents" / "fifo.toml")
    (tmp_path / "agents" / "loop.toml").symlink_to("loop.toml")
    assert await ids(catalogue) == ["good"]
    for agent_id, says in {
        "huge": "larger than", "bytes": "not valid UTF-8 at byte 0",
        "folder": "not a regular file", "fifo": "not a regular file",
    }.items():  # fmt: skip
        entry = await catalogue.agent(agent_id)
        assert entry is not None
        assert says in entry.errors[0].message
        assert await catalogue.skills_of(agent_id) is None


async def test_of_two_with_one_name_the_later_has_an_error(write: Write, catalogue: Catalogue) -> None:
    write("agents/b.toml", GOOD.format("The  one"))
    write("agents/a.toml", "\n" + GOOD.format("the One"))
    assert await ids(catalogue) == ["a"]
    later = await catalogue.agent("b")
    assert later is not None
    assert later.errors[0].message == 'b.toml: line 1: name: "The  one" is already the name of a.toml'
    write("agents/a.toml", "broken")
    assert await ids(catalogue) == ["b"]


async def test_bad_skills_are_set_apart(write: Write, catalogue: Catalogue) -> None:
    write("skills/good/SKILL.md", skill_text("good"))
    write("skills/other/SKILL.md", skill_text("good"))
    write("skills/huge/SKILL.md", b"x" * (LARGEST_BYTES + 1))
    write("skills/none/README.md", "")
    write("skills/file", "")
    assert [entry.name for entry in await catalogue.skills()] == ["good"]
    for name, says in {"other": "does not match", "huge": "larger than", "none": "missing SKILL.md"}.items():
        entry = await catalogue.skill(name)
        assert entry is not None
        assert says in entry.errors[0].message
    assert await catalogue.skill("file") is None


def test_names_that_no_id_reaches_are_told(tmp_path: Path, write: Write) -> None:
    for name in ("my agent.toml", "old.json", "UP.TOML", "ok.toml", ".hidden.toml", "notes.txt", "ok.toml.dist"):
        write(f"agents/{name}", "")
    strays = AgentFolder(tmp_path / "agents").strays()
    assert [Path(stray.file).name for stray in strays] == ["UP.TOML", "my agent.toml", "old.json"]
    assert "only TOML agent configs are supported" in strays[2].message


# -- what there is


async def test_what_a_profile_names_and_nobody_wrote_is_a_warning(write: Write, catalogue: Catalogue) -> None:
    write("agents/a.toml", GOOD.format("A") + 'skills = ["s", "gone"]\nprompt = ["p", "lost"]\n')
    write("skills/s/SKILL.md", skill_text("s"))
    write("prompts/p.md", "")
    entry = await catalogue.agent("a")
    assert entry is not None
    assert [(warning.key, warning.line) for warning in entry.warnings] == [("skills", 3), ("prompt", 4)]
    assert ['"gone"' in entry.warnings[0].message, '"lost"' in entry.warnings[1].message] == [True, True]


async def test_skills_of_an_agent_come_in_its_order(write: Write, catalogue: Catalogue) -> None:
    for name in ("a", "b", "c"):
        write(f"skills/{name}/SKILL.md", skill_text(name))
    write("agents/x.toml", GOOD.format("X") + 'skills = ["c", "gone", "a"]\n')
    assert [entry.name for entry in await catalogue.skills_of("x") or []] == ["c", "a"]
    assert [entry.name for entry in await catalogue.skills()] == ["a", "b", "c"]


async def test_every_change_shows_at_once(tmp_path: Path, write: Write, catalogue: Catalogue) -> None:
    for name in ("One", "Two", "Six"):  # of one length: size tells nothing
        path = write("agents/a.toml", GOOD.format(name))
        assert [entry.profile.name for entry in await catalogue.agents()] == [name]
    write("skills/s/SKILL.md", skill_text("s"))
    assert (await catalogue.skills())[0].folders == frozenset()
    (tmp_path / "skills" / "s" / "scripts").mkdir()
    assert (await catalogue.skills())[0].folders == {"scripts"}
    path.unlink()
    assert await ids(catalogue) == []


# -- what is told


async def messages(catalogue: Catalogue) -> list[str]:
    return [complaint.event.data["message"] for complaint in await catalogue.changes()]


async def test_what_was_bad_at_the_start_is_not_news_and_what_changes_is_told_once(
    write: Write, catalogue: Catalogue
) -> None:
    path = write("agents/a.toml", "bad")
    assert await messages(catalogue) == []
    write("agents/a.toml", "worse and worse")
    (complaint,) = await catalogue.changes()
    assert complaint.event.type == "config_validation_error"
    assert complaint.event.data == {
        "config_type": "agent", "path": str(path), "change_type": "validation_error",
        "message": complaint.event.data["message"],
    }  # fmt: skip
    assert await messages(catalogue) == []
    write("agents/a.toml", GOOD.format("A"))
    assert await messages(catalogue) == []


async def test_a_watcher_and_the_look_at_the_disk_tell_it_once(write: Write, catalogue: Catalogue) -> None:
    await catalogue.changes()
    path = write("agents/a.toml", "bad")
    assert len(await catalogue.file_changed(path)) == 1
    assert await catalogue.file_changed(path) == []
    assert await messages(catalogue) == []
    assert await catalogue.file_changed(write("prompts/a.md", "")) == []


async def test_all_workers_give_one_change_the_same_key(tmp_path: Path, write: Write) -> None:
    workers = [Catalogue(tmp_path, tmp_path) for _ in range(2)]
    keys = set()
    for worker in workers:
        await worker.changes()
    write("agents/a.toml", "bad")
    for worker in workers:
        keys |= {complaint.key for complaint in await worker.changes()}
    assert len(keys) == 1


async def test_a_name_that_somebody_takes_is_told_of_who_loses_it(write: Write, catalogue: Catalogue) -> None:
    write("agents/b.toml", GOOD.format("B"))
    await catalogue.changes()
    write("agents/a.toml", GOOD.format("B"))
    assert await messages(catalogue) == ['b.toml: line 1: name: "B" is already the name of a.toml']


async def test_starting_a_bad_profile_has_its_own_words(write: Write, catalogue: Catalogue) -> None:
    write("agents/a.toml", "bad")
    entry = await catalogue.agent("a")
    assert entry is not None
    assert [event.type for event in catalogue.complaints(entry)] == ["config_validation_error"]
