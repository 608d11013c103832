"""What an agent is started with: refusals, then instructions for Codex and typed prompts for everybody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_session.agents.launching import (
    LONGEST_ARGUMENT,
    PACING,
    LaunchFailed,
    LaunchPlan,
    Surroundings,
    plan,
)
from gestalt_session.agents.profile_file import load
from gestalt_session.agents.prompts import Library
from gestalt_session.agents.skill import Skill
from gestalt_session.terminal.launch import NOT_INJECTED

NOTIFY = ["gestalt-notify", "--host", "127.0.0.1", "--port", "1", "--session-id", "X 1"]
SKILL = Skill(name="s", description="d", path="/s/s")
CODEX = 'name = "X"\ncli_type = "codex"\nmodel = "m"\n'


def planned(folder: Path, text: str, *skills: Skill, **around: object) -> LaunchPlan:
    """The plan of a profile with these skills."""
    profile = load("x", folder / "x.toml", text).profile
    surroundings = Surroundings(session_id="X 1", ports={"frontend": 1}, **around)  # type: ignore[arg-type]
    return plan(profile, skills, Library(folder, folder), surroundings)


@pytest.fixture(autouse=True)
def prompts(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text("One {{session id}}\n")
    (tmp_path / "two.md").write_text("Two {{include none}}\n")
    (tmp_path / "empty.md").write_text(" \n")
    (tmp_path / "big.md").write_text("x" * LONGEST_ARGUMENT)


def test_a_prompt_that_is_not_there_ends_it(tmp_path: Path) -> None:
    with pytest.raises(LaunchFailed, match='prompt "none" not found'):
        planned(tmp_path, CODEX + 'prompt = "none"')


def test_what_no_command_line_takes_is_refused_before_it_is_tried(tmp_path: Path) -> None:
    with pytest.raises(LaunchFailed, match="a command line takes"):
        planned(tmp_path, CODEX + 'prompt = "big"')
    planned(tmp_path, 'name = "X"\nshell = "bash"\nprompt = "big"')


def test_codex_gets_all_on_its_command_line_and_its_instructions_last(tmp_path: Path) -> None:
    made = planned(
        tmp_path,
        CODEX + 'prompt = ["one", "two"]\nnotify = "mine"\ndeveloper_instructions = "mine"\n[otel]\nx = 1\n',
        SKILL,
        notify=NOTIFY,
        otel={"exporter": {"e": "u"}},
    )
    options = made.argv[2::2]
    assert options[:3] == [
        "model=m",
        'notify=["gestalt-notify","--host","127.0.0.1","--port","1","--session-id","X 1"]',
        "otel.exporter.e=u",
    ]
    assert options[3].startswith("developer_instructions=<available_skills>")
    assert options[3].endswith("</available_skills>\n\nOne X 1\n\n\nTwo \n")
    assert len(options) == 4
    assert made.command.endswith(" -c otel.exporter.e=u -c developer_instructions=…")
    assert made.prompt_injection == NOT_INJECTED
    assert (made.prompt_files, made.skills) == (["one.md", "two.md"], ["s"])
    assert [warning.message for warning in made.warnings] == ["two.md: include 'none' not found"]


def test_codex_without_prompts_keeps_its_own_words(tmp_path: Path) -> None:
    made = planned(tmp_path, CODEX + 'developer_instructions = "mine"\nprompt = "empty"\n')
    assert made.argv[2::2] == ["developer_instructions=mine", "model=m"]


def test_codex_by_shell_keeps_its_arguments(tmp_path: Path) -> None:
    made = planned(tmp_path, 'name = "X"\nshell = "codex --yolo"\nprompt = "one"\n', notify=["n"])
    assert made.argv == ["codex", "--yolo", "-c", 'notify=["n"]', "-c", "developer_instructions=One X 1\n"]


def test_others_get_them_typed_the_skills_before_the_first(tmp_path: Path) -> None:
    made = planned(
        tmp_path,
        'name = "X"\nshell = "claude -c"\nprompt = ["one", "empty", "two"]\n'
        'onair_string = "ok"\ncwd = "c"\nenv = {A = "b"}\n',
        SKILL,
        notify=NOTIFY,
    )
    payload = made.prompt_injection["payload"]
    assert made.argv == ["claude", "-c"]
    assert (made.prompt_injection["mode"], made.prompt_injection["pacing"]) == ("stdin", PACING)
    assert payload[0].startswith("<available_skills>")
    assert payload[0].endswith("\n\nOne X 1\n")
    assert payload[1:] == ["Two \n"]
    assert (made.onair_string, made.env) == ("ok", {"A": "b"})


def test_an_agent_without_words_gets_none(tmp_path: Path) -> None:
    made = planned(tmp_path, 'name = "X"\nshell = "bash"\n')
    assert (made.prompt_injection["payload"], made.prompt_files, made.argv) == (None, [], ["bash"])
