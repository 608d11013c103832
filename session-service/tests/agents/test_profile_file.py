"""Profiles: what is refused, and where it is said to stand; what is warned of; what a good one comes to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.agents.profile_file import Loaded, load

PATH = Path("/w/agents/x.toml")
CODEX = 'name = "X"\ncli_type = "codex"\n'
SHELL = 'name = "X"\nshell = "bash"\n'


def loaded(text: str) -> Loaded:
    return load("x", PATH, text)


def error_of(text: str) -> Any:
    """The first error of a text that must have one."""
    return loaded(text).errors[0]


# -- refusals


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('name = "x', 1), ("name = 1\n\n[", 3), ("a = 1\na = 2\n", 2), ("x\n", 1), ("a = " + "[" * 5_000, None),
        ("a = " + "9" * 5_000, None), (".".join("a" * 40) + " = 1", None),
        (".".join('"a"' for _ in range(60_000)) + " = 1", None),
        ("[" + ".".join("a" * 60_000) + "]", None), ("\0", 1),
    ],
)  # fmt: skip
def test_what_is_no_toml_says_where(text: str, line: int | None) -> None:
    error = error_of(text)
    assert error.line == line
    assert error.message.startswith(f"x.toml: line {line}: not valid TOML" if line else "x.toml: not valid TOML")
    assert error.file == str(PATH)


@pytest.mark.parametrize(
    ("text", "key", "line", "says"),
    [
        ('shell = "bash"', "name", None, "agent name is required"),
        ('shell = "bash"\nname = " / "', "name", 2, "agent name is required"),
        (f'shell = "bash"\nname = "{"é" * 61}"', "name", 2, "agent name is longer than 120 bytes"),
        ('name = "X"', "shell", None, "agent shell is required"),
        ('name = "X"\nshell = "a \'b"', "shell", 2, "no closing quotation"),
        (SHELL + "singleton = 1", "singleton", 3, "expected bool, got int (1)"),
        (SHELL + "prompt = 1", "prompt", 3, "prompt must be a string or array"),
        (SHELL + "prompt = [1]", "prompt", 3, "prompt entries must be strings"),
        (SHELL + "skills = 'a'", "skills", 3, 'expected string[], got string ("a")'),
        (SHELL + "cwd = 1", "cwd", 3, "expected string, got int (1)"),
        (SHELL + "env = 1", "env", 3, "expected object, got int (1)"),
        (SHELL + "[env]\nA = 1", "env.A", 4, "expected string, got int (1)"),
        (SHELL + '[env]\n"A=B" = "x"', "env.A=B", 4, "invalid environment variable"),
        (SHELL + "codex_mode = 'x'", "codex_mode", 3, "codex_mode is no longer supported"),
        (SHELL + "singelton = false", "singelton", 3, "cli_type is required"),
        (SHELL + 'cwd = "a\\u0000"', "cwd", 3, "NUL"),
        ('name = "X"\ncli_type = "zzz"\ntop = 1', "cli_type", 2, 'agent cli_type "zzz" is not supported'),
        (CODEX + "approval_policy = 'always'", "approval_policy", 3, 'expected enum, got string ("always")'),
        (CODEX + "[tui]\nanimations = 'x'", "tui.animations", 4, 'expected bool, got string ("x")'),
        (CODEX + "[features]\nx = 1", "features.x", 4, "expected bool, got int (1)"),
        (CODEX + "notify = ['a', 1]", "notify", 3, "expected string or string[], got array"),
        (CODEX + "project_root_markers = ['a', 1]", "project_root_markers[1]", 3, "expected string, got int (1)"),
        (CODEX + "hide_agent_reasoning = 1979-05-27", "hide_agent_reasoning", 3, "got datetime"),
        (CODEX + "cli_config = 1", "cli_config", 3, "expected object, got int (1)"),
        (CODEX + 'model_verbosity = "\\u0000"', "cli_config", None, "NUL"),
    ],
)
def test_a_wrong_value_is_an_error_with_its_key_and_line(text: str, key: str, line: int | None, says: str) -> None:
    error = error_of(text)
    assert (error.key, error.line) == (key, line)
    assert says in error.message
    assert error.message.startswith(f"x.toml: line {line}: {key}: " if line else f"x.toml: {key}: ")


def test_everything_wrong_is_told_at_once() -> None:
    assert {error.key for error in loaded("singleton = 1\nhidden = 2\n").errors} == {
        "singleton", "hidden", "name", "shell",
    }  # fmt: skip


def test_of_very_many_mistakes_some_are_told() -> None:
    found = loaded(CODEX + "".join(f"future{number} = 1\n" for number in range(1_000)) + "[features]\n"
                   + "".join(f"x{number} = 1\n" for number in range(1_000)))  # fmt: skip
    assert (len(found.warnings), len(found.errors)) == (20, 20)
    assert found.errors[0].line == 1_004


def test_a_long_wrong_value_is_shown_in_part() -> None:
    assert len(error_of(CODEX + f"tui = '{'x' * 5_000}'").message) < 300


@given(st.text())
def test_no_text_at_all_does_anything_but_load_or_be_refused(text: str) -> None:
    result = loaded(text)
    assert result.errors or result.profile.name


# -- warnings


def test_an_unknown_key_of_a_known_program_is_a_warning_with_file_line_and_key() -> None:
    found = loaded(CODEX + 'approval_policy = "never"\nfuture = 3\n[tui]\nsparkle = true\n')
    assert not found.errors
    assert [(w.file, w.line, w.column, w.key) for w in found.warnings] == [
        (str(PATH), 4, 1, "future"), (str(PATH), 6, 1, "tui.sparkle"),
    ]  # fmt: skip
    assert found.warnings[0].message == "x.toml: line 4: future: unknown field"
    assert "future=3" in found.profile.argv
    assert "tui.sparkle=true" in found.profile.argv


def test_a_model_that_is_newer_than_we_are_is_a_warning() -> None:
    found = loaded('name = "X"\ncli_type = "copilot"\nmodel = "gpt-9"\n')
    assert not found.errors
    assert found.warnings[0].key == "model"
    assert found.profile.argv == ("copilot", "--model", "gpt-9")


def test_keys_of_a_program_that_we_do_not_know_are_ignored_and_told() -> None:
    found = loaded(SHELL + 'cli_type = "Claude"\nyolo = true\n')
    assert not found.errors
    assert (found.warnings[0].key, found.profile.llm_type, found.profile.argv) == ("yolo", "claude", ("bash",))


def test_the_old_name_of_model_is_told() -> None:
    found = loaded(SHELL + 'llm_model = "m"\n')
    assert (found.profile.model, found.warnings[0].key) == ("m", "llm_model")


# -- what a profile comes to


def test_every_key_is_read_and_trimmed() -> None:
    profile = loaded(
        'name = " The X "\ndescription = "d"\nshell = "claude --add \'a b\'"\nprompt = ["a", " ", "b "]\n'
        'skills = ["s", "s", "t"]\nonair_string = "ready"\nsingleton = false\nhidden = true\nmodel = "m"\n'
        'cwd = "sub"\n[env]\nA = "1"\n'
    ).profile
    assert (profile.name, profile.description, profile.argv) == ("The X", "d", ("claude", "--add", "a b"))
    assert (profile.prompts, profile.skills) == (("a", "b"), ("s", "t"))
    assert (profile.onair_string, profile.singleton, profile.hidden) == ("ready", False, True)
    assert (profile.model, profile.cwd, profile.env) == ("m", "sub", {"A": "1"})
    assert profile.command == "claude --add 'a b'"


@pytest.mark.parametrize(
    ("text", "llm_type"),
    [
        (SHELL, ""), ('name="X"\nshell="/opt/bin/codex -m x"', "codex"),
        ('name="X"\nshell="github-copilot"', "copilot"),
        (SHELL + 'cli_type = " Gemini "', "gemini"),
    ],
)  # fmt: skip
def test_the_kind_of_program_is_said_or_inferred(text: str, llm_type: str) -> None:
    assert loaded(text).profile.llm_type == llm_type


def test_keys_at_the_top_win_over_the_table_and_the_model_goes_along() -> None:
    profile = loaded(
        CODEX + 'model = "m"\nsandbox_mode = "read-only"\n[cli_config]\nsandbox_mode = "workspace-write"\ncwd = "/c"\n'
    ).profile
    assert profile.command == "codex -c cwd=/c -c model=m -c sandbox_mode=read-only"
    assert profile.cwd == ""
    assert loaded(CODEX + '[cli_config]\nmodel = "m"\n').profile.model == "m"
