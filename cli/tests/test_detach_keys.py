from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_cli.attach.keys import BadKeys, Scanner, parse

CTRL_BACKSLASH = parse("ctrl-\\")


@pytest.mark.parametrize("text", ["ctrl-", "ctrl-ab", "ctrl-1", "ä", "f1", "a,,b", "ctrl-p,"])
def test_what_names_no_keys_is_refused(text: str) -> None:
    with pytest.raises(BadKeys):
        parse(text)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("ctrl-\\", ("\x1c",)),
        ("ctrl-p,Ctrl-Q", ("\x10", "\x11")),
        ("enter,~,.", ("\r", "~", ".")),
        ("esc", ("\x1b",)),
        ("none", ()),
        ("", ()),
    ],
)
def test_keys_are_written_as_people_say_them(text: str, keys: tuple[str, ...]) -> None:
    assert parse(text) == keys


@pytest.mark.parametrize(
    "told",
    [
        b"\x1c",
        b"\x1b[92;5u",
        b"\x1b[92;5:1u",
        b"\x1b[92;133u",
        b"\x1b[92::92;5u",
        b"\x1b[27;5;92~",
    ],
)
def test_a_key_is_found_however_the_terminal_tells_it(told: bytes) -> None:
    assert Scanner(CTRL_BACKSLASH).feed(b"before" + told + b"after") == (b"before", True)


@pytest.mark.parametrize(
    "told", [b"\x1b[92;5:3u", b"\x1b[92;1u", b"\x1b[92;7u", b"\x1b[93;5u", b"\\", b"\x1b[27;3;92~"]
)
def test_other_keys_and_releases_pass(told: bytes) -> None:
    assert Scanner(CTRL_BACKSLASH).feed(told) == (told, False)


def test_a_report_that_comes_in_two_parts_is_one_key() -> None:
    scanner = Scanner(CTRL_BACKSLASH)
    assert scanner.feed(b"x\x1b[92") == (b"x", False)
    assert scanner.feed(b";5u") == (b"", True)


def test_what_only_began_like_the_keys_goes_on_in_order() -> None:
    scanner = Scanner(parse("ctrl-p,ctrl-q"))
    assert scanner.feed(b"\x10") == (b"", False)
    assert scanner.feed(b"\x10") == (b"\x10", False)
    assert scanner.feed(b"a") == (b"\x10a", False)
    assert scanner.feed(b"\x10\x11") == (b"", True)


def test_enter_as_the_first_key_is_typed_at_once() -> None:
    scanner = Scanner(parse("enter,~,."))
    assert scanner.feed(b"ls\r") == (b"ls\r", False)
    assert scanner.feed(b"~") == (b"", False)
    assert scanner.feed(b"x") == (b"~x", False)
    assert scanner.feed(b"\r~.") == (b"\r", True)


def test_without_keys_everything_passes() -> None:
    assert Scanner(()).feed(b"\x1c\x10") == (b"\x1c\x10", False)


@given(st.lists(st.binary(max_size=12), max_size=20))
def test_nothing_is_lost_or_reordered(chunks: list[bytes]) -> None:
    """Whatever is typed, in whatever parts: what passes, and what is still held, is what was typed."""
    scanner = Scanner(parse("ctrl-p,ctrl-q"))
    typed, passed = b"", b""
    for chunk in chunks:
        typed += chunk
        keys, detached = scanner.feed(chunk)
        passed += keys
        if detached:
            assert typed.startswith(passed)
            return
    assert typed == passed + scanner._held + scanner._unfinished
