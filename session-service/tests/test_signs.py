"""What programs say of themselves: bounded, harmless, told often enough and kept."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from unicodedata import category

from hypothesis import given
from hypothesis import strategies as st
from waiting import eventually

from gestalt_session.terminal.scanner import Sign
from gestalt_session.terminal.signboard import Signboard, Subject
from gestalt_session.terminal.signs import LONGEST_TITLE, Prompt, Signs, after, directory_of, prompt_of, title_of


def test_hostile_titles_are_harmless() -> None:
    assert title_of(b"a\nb\tc  d") == "a b c d"
    assert title_of(b"x\x1b[31my\x00\x9bz") == "x[31my\ufffdz"
    assert title_of("abc\u202edcba\u2066\u200b".encode()) == "abcdcba"
    assert title_of("\u2028line\u2029".encode()) == "line"
    assert title_of(b"\xff\xfe") == "\ufffd\ufffd"
    assert len(title_of(b"x" * 4096)) == LONGEST_TITLE
    assert title_of("👩\u200d💻 vim".encode()) == "👩\u200d💻 vim"


@given(st.binary(max_size=600))
def test_no_title_has_anything_that_does_not_show(said: bytes) -> None:
    title = title_of(said)
    assert len(title) <= LONGEST_TITLE
    assert not [char for char in title if char != "\u200d" and category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


def test_a_directory_is_an_absolute_path_of_this_machine() -> None:
    host = socket.gethostname().encode()
    assert directory_of(b"file://" + host + b"/tmp/a%20b") == "/tmp/a b"
    assert directory_of(b"file:///tmp") == directory_of(b"file://localhost/tmp") == "/tmp"
    for elsewhere in (b"file://else.where/tmp", b"http://localhost/tmp", b"/tmp", b"file://[/x", b"", b"file:///a%0ab"):
        assert directory_of(elsewhere) == ""
    assert directory_of(b"file:///" + b"x" * 4096) == ""


@given(st.binary(max_size=200))
def test_no_location_breaks_it(said: bytes) -> None:
    found = directory_of(b"file://" + said)
    assert not found or found.startswith("/")


def test_marks_tell_where_a_shell_is_and_how_a_command_ended() -> None:
    states = []
    prompt = None
    for mark in (b"A", b"B", b"C", b"D;3;aid=7", b"A;cl=m", b"X", b"C", b"D"):
        prompt = prompt_of(mark, prompt)
        states.append(prompt)
    assert states == [
        *[Prompt("prompt"), Prompt("input"), Prompt("running"), Prompt("finished", 3), Prompt("prompt", 3)],
        *[Prompt("prompt", 3), Prompt("running", 3), Prompt("finished", None)],
    ]
    assert prompt_of(b"D;99999999999999999999", None) == Prompt("finished", None)


def test_an_icon_name_counts_while_there_is_no_title() -> None:
    signs = after(Signs(), Sign.ICON, b"icon")
    assert signs.shown_title == "icon"
    assert after(signs, Sign.TITLE, b"title").shown_title == "title"
    assert after(after(signs, Sign.TITLE, b"title"), Sign.TITLE, b"").shown_title == "icon"


# -- the board


async def test_the_first_change_is_told_at_once_and_the_last_one_always(tmp_path: Path) -> None:
    told: list[tuple[Subject, str]] = []
    board = Signboard(tmp_path / "signs", lambda subject: told.append((subject, board.signs.shown_title)))
    begun = asyncio.get_running_loop().time()
    for number in range(1_000):
        board.heard(Sign.TITLE, b"spinner %d" % number)
    assert told == [(Subject.TITLE, "spinner 0")]
    await eventually(lambda: len(told) > 1)
    assert told[1:] == [(Subject.TITLE, "spinner 999")]
    assert asyncio.get_running_loop().time() - begun >= 0.9
    board.heard(Sign.TITLE, b"spinner 999")
    board.close()
    assert len(told) == 2


async def test_the_marks_of_a_command_are_all_told(tmp_path: Path) -> None:
    told: list[str] = []
    board = Signboard(tmp_path / "signs", lambda _: told.append(board.summary("/")["prompt"]["state"]))
    for mark in (b"A", b"B", b"C", b"D;0"):
        board.heard(Sign.PROMPT, mark)
    assert told == ["prompt", "input", "running", "finished"]
    for _ in range(500):
        board.heard(Sign.PROMPT, b"C")
        board.heard(Sign.PROMPT, b"D;1")
    assert len(told) <= 16, "a program that does nothing else is thinned"
    board.close()


async def test_the_next_worker_knows_what_was_said_told_or_not(tmp_path: Path) -> None:
    board = Signboard(tmp_path / "signs", lambda _: None)
    board.heard(Sign.TITLE, b"first")
    board.heard(Sign.TITLE, b"second")
    board.heard(Sign.LOCATION, b"file:///tmp")
    board.heard(Sign.PROMPT, b"D;2")
    board.close()
    found = Signboard(tmp_path / "signs", lambda _: None)
    assert found.summary("/home") == {
        "terminal_title": "second",
        "cwd": "/tmp",
        "prompt": {"state": "finished", "exit_code": 2},
    }
    (tmp_path / "signs").write_bytes(b"{broken")
    assert Signboard(tmp_path / "signs", lambda _: None).summary("/home") == {
        "terminal_title": "",
        "cwd": "/home",
        "prompt": None,
    }
