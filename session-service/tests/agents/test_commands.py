"""Command lines: nothing of a prompt is shown, and a shell that reads them finds the same words."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.agents.commands import codex, codex_options, copilot, quoted, shown

WORDS = st.text(st.characters(exclude_characters="\0", codec="utf-8"))


@pytest.mark.parametrize(
    "argv",
    [
        ["codex", "-c", "developer_instructions=secret"],
        ["codex", "-c", "instructions=secret"],
        ["codex", "--config", "compact_prompt=secret"],
        ["x", "--prompt", "secret"],
        ["x", "--prompt=secret"],
    ],
)
def test_prompts_are_not_shown(argv: list[str]) -> None:
    assert "secret" not in shown(argv)
    assert "…" in shown(argv)


def test_keys_are_sorted_and_dotted_and_empty_values_left_out() -> None:
    config = {"b": True, "a": {"z": [], "y": {"x": 1.5}}, "empty": "", "table": {}, "list": ["a", "b"]}
    assert codex(config) == ["codex", "-c", "a.y.x=1.5", "-c", "b=true", "-c", 'list=["a","b"]']


def test_a_key_with_a_dot_of_its_own_stays_one() -> None:
    assert codex({"projects": {"/a.b": {"trust_level": "trusted"}}})[2] == 'projects."/a.b".trust_level=trusted'


def test_a_single_notify_becomes_a_list() -> None:
    assert codex({"notify": "n"})[2] == 'notify=["n"]'


def test_what_comes_last_comes_last() -> None:
    assert codex_options({"z": 1}, {"a": "b"}) == ["-c", "z=1", "-c", "a=b"]


def test_copilots_flags() -> None:
    config = {"allow_all_tools": True, "banner": False, "add_dir": ["a", "b"], "log_level": "all", "agent": ""}
    assert copilot(config) == [
        "copilot", "--add-dir", "a", "--add-dir", "b", "--allow-all-tools", "--no-banner", "--log-level", "all",
    ]  # fmt: skip


@pytest.mark.parametrize(("word", "shell"), [("", "''"), ("a=b", "a=b"), ("a b", "'a b'"), ("it's", "'it'\"'\"'s'")])
def test_quoting(word: str, shell: str) -> None:
    assert quoted(word) == shell


@given(st.lists(WORDS, min_size=1))
def test_a_shell_reads_the_same_words(words: list[str]) -> None:
    if "-c" not in words and "--prompt" not in words:
        assert shlex.split(shown(words)) == words
