"""Skills: refusals in the reference's words, both spellings of allowed tools, and what agents are told."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.agents.skill import BadSkill, Skill, as_xml, parse

GOOD = "name: a-b\ndescription: d\n"


def skill(front: str, folder: Path = Path("/s/a-b")) -> Skill:
    return parse(f"---\n{front}---\nbody\n", folder)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "missing frontmatter"),
        ("name: x\n", "missing frontmatter delimiter"),
        ("---\nname: x\n", "missing closing frontmatter delimiter"),
        ("---\n---\n", "skill name is required"),
        ("---\n- a\n---\n", "frontmatter must be a mapping"),
        ("---\nname: [\n---\n", "frontmatter is not valid YAML: line 3"),
        ("---\nname: a\n\tb: c\n---\n", "frontmatter is not valid YAML: line 3"),
        ("---\n? [a]\n: b\n---\n", "frontmatter is not valid YAML"),
        ("---\nname: \x01\n---\n", "control characters"),
        (f"---\na: {'x' * 16_384}\n---\n", "frontmatter is longer than 16384 characters"),
        ("---\na: " + "[" * 5_000 + "\n---\n", "nested too deep"),
        ("---\na: &a [x]\nb: *a\n---\n", "aliases are not allowed"),
        ("---\nname: a_b\ndescription: d\n---\n", 'skill name "a_b" is invalid'),
        ("---\nname: ../a\ndescription: d\n---\n", 'skill name "../a" is invalid'),
        (f"---\nname: {'a' * 65}\ndescription: d\n---\n", "skill name must be 1-64 characters"),
        ("---\nname: a-b\n---\n", "skill description must be 1-1024 characters"),
        (f"---\nname: a-b\ndescription: {'é' * 1025}\n---\n", "skill description must be 1-1024 characters"),
        ("---\nname: other\ndescription: d\n---\n", 'skill name "other" does not match directory "a-b"'),
        ("---\nname: [a]\n---\n", "name must be a string"),
        (f"---\n{GOOD}metadata: x\n---\n", "metadata must be a mapping"),
        (f"---\n{GOOD}allowed-tools:\n  a: b\n---\n", "allowed-tools must be a list of strings"),
        (f"---\n{GOOD}allowed_tools: [[a]]\n---\n", "allowed_tools must be a list of strings"),
    ],
)
def test_a_bad_skill_says_what_is_bad(text: str, says: str) -> None:
    with pytest.raises(BadSkill) as refused:
        parse(text, Path("/s/a-b"))
    assert says in str(refused.value)


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "a-b"
    folder.mkdir()
    (folder / "scripts").touch()
    with pytest.raises(BadSkill, match="scripts is not a directory"):
        skill(GOOD, folder)


@given(st.text())
def test_no_front_matter_at_all_does_anything_but_be_refused(text: str) -> None:
    with pytest.raises(BadSkill):
        parse(f"---\n{text}\n---\n", Path("/"))


@pytest.mark.parametrize(
    ("front", "tools"),
    [
        ("allowed-tools: Read, Bash(git log:*) Grep\n", ("Read", "Bash(git log:*)", "Grep")),
        ("allowed_tools: [Read, ' ', Grep]\n", ("Read", "Grep")),
        ("allowed-tools: [Read]\nallowed_tools: Grep Read\n", ("Read", "Grep")),
        ("allowed-tools:\n", ()),
    ],
)
def test_tools_in_every_spelling(front: str, tools: tuple[str, ...]) -> None:
    assert skill(GOOD + front).allowed_tools == tools


def test_scalars_stay_what_was_written_and_line_ends_do_not_matter() -> None:
    found = parse(
        "---\r\nname: a-b\r\ndescription: 2024-01-01\r\nlicense: no\r\n"
        "metadata:\r\n  v: 1.0\r\nelse: 1\r\n---\r\nx\r\n",
        Path("/s/a-b"),
    )
    assert (found.description, found.license, found.metadata) == ("2024-01-01", "no", {"v": "1.0"})
    assert found.body == "x\r\n"


def test_agents_are_told_where_a_skill_lies_in_xml_that_is_well_formed() -> None:
    told = as_xml([skill('name: a-b\ndescription: "<b> & \'q\' \\"d\\""\nallowed-tools: Read\n')])
    entry = ET.fromstring(told)[0]  # noqa: S314 - we wrote it
    assert [child.tag for child in entry] == ["name", "description", "location", "allowed_tools"]
    assert entry.findtext("location") == "/s/a-b/SKILL.md"
    assert entry.findtext("description") == "<b> & 'q' \"d\""
    assert "&#39;q&#39; &#34;d&#34;" in told
    assert as_xml([]) == ""
