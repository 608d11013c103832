"""What a new session runs: what is refused first, then program, place, name and environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_contracts.errors import InvalidRequest
from gestalt_session.terminal.launch import (
    LARGEST_SIZE,
    Order,
    Program,
    base_name,
    directory,
    environment,
    launch_of,
    program,
    refuse_nul,
    sanitise,
    size,
)

SHELL = "/bin/sh"


@pytest.mark.parametrize("command", ["", "  ", [], [""], ["", "x"]])
def test_a_command_that_names_no_program_is_refused(command: Any) -> None:
    with pytest.raises(InvalidRequest, match="command is empty"):
        program(Order(command=command), SHELL)


@pytest.mark.parametrize(
    "order",
    [
        Order(command="a\0b"), Order(command=["a", "b\0"]), Order(cwd="a\0b"),
        Order(env={"A": "\0"}), Order(env={"A\0": "x"}), Order(env={"": "x"}), Order(env={"A=B": "x"}),
    ],
)  # fmt: skip
def test_what_no_process_can_be_given_is_refused(order: Order) -> None:
    with pytest.raises(InvalidRequest):
        refuse_nul(order)


@pytest.mark.parametrize(("cols", "rows"), [(0, 24), (80, 0), (-1, 24), (80, LARGEST_SIZE + 1), (1 << 62, 1)])
def test_a_size_that_no_terminal_has_is_refused(cols: int, rows: int) -> None:
    with pytest.raises(InvalidRequest, match="1 to 65535"):
        size(Order(cols=cols, rows=rows))


@pytest.mark.parametrize("cwd", ["none", "a file", "loop", "x" * 5_000, "a file/below"])
def test_a_directory_that_is_none_is_refused(tmp_path: Path, cwd: str) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InvalidRequest, match="does not exist"):
        directory(Order(cwd=cwd), tmp_path)


def test_a_string_is_run_by_the_shell_and_a_list_as_it_is() -> None:
    assert program(Order(), SHELL) == Program([SHELL], SHELL)
    assert program(Order(command="ls | wc"), SHELL) == Program([SHELL, "-c", "ls | wc"], "ls | wc")
    assert program(Order(command=["echo", "a b"]), SHELL) == Program(["echo", "a b"], "echo 'a b'")


def test_sizes_have_defaults_and_edges() -> None:
    assert size(Order()) == (80, 24)
    assert size(Order(cols=1, rows=LARGEST_SIZE)) == (1, LARGEST_SIZE)


def test_a_place_is_relative_to_the_workspace_or_absolute(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    assert directory(Order(), tmp_path) == tmp_path.resolve()
    assert directory(Order(cwd="below"), tmp_path) == directory(Order(cwd=str(tmp_path / "below")), Path("/"))


@pytest.mark.parametrize(
    ("title", "name"),
    [(None, "Shell"), ("", "Shell"), (" / ", "Shell"), ("\x1b\n", "Shell"), (" a/b\\c\x07 ", "abc"), ("é 😀", "é 😀")],
)
def test_a_title_is_a_name_without_slashes_and_controls(title: str | None, name: str) -> None:
    assert base_name(title) == name


@given(st.text(max_size=40))
def test_what_is_sanitised_stays_as_it_is(name: str) -> None:
    assert sanitise(sanitise(name)) == sanitise(name) == sanitise(name).strip()


def test_a_program_gets_what_is_allowed_less_our_secrets_then_what_it_is_given() -> None:
    inherited = {"HOME": "/h", "LC_ALL": "C", "AWS_SECRET": "s", "GESTALT_TOKEN": "s", "REDIS_URL": "s", "OTEL_X": "s"}
    given_ = {"HOME": "/mine", "TERM": "dumb", "GESTALT_TOKEN": "its own"}
    made = environment(inherited, ["HOME", "LC_*", "GESTALT_*", "REDIS*", "OTEL_*"], given_)
    assert made == {
        "HOME": "/mine",
        "LC_ALL": "C",
        "TERM": "dumb",
        "COLORTERM": "truecolor",
        "GESTALT_TOKEN": "its own",
    }


def test_a_plain_session_is_injected_nothing() -> None:
    launch = launch_of("Shell 1", ["sh"])
    assert (launch["session_id"], launch["argv"]) == ("Shell 1", ["sh"])
    assert launch["prompt_injection"]["mode"] == "none"
    assert set(launch["prompt_injection"]["pacing"].values()) == {0}
