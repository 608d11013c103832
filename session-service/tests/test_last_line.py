"""The preview of a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.journal import Journal
from gestalt_session.terminal.last_line import LONGEST, last_line, shown


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (b"", ""),
        (b"\r\n\r\n", ""),
        (b"\x1b[31mred\x1b[0m\r\n", "red"),
        (b"one\r\ntwo\r\n\r\n   \r\n", "two"),
        (b"10%\r50%\r100%\r", "100%"),
        (b"name\tsize  owner\n", "name size owner"),
        (b"\x1b]0;title\x07$ ", "$"),
        (b"$ ls\x1b[?2004l\r\n\x1b]8;;http://x\x07link\x1b]8;;\x07", "link"),
        (b"\xff\xfe ok \xe2\x82", "ok"),
        (b"a" * 500, "a" * LONGEST),
    ],
)
def test_the_last_readable_line_is_shown_plain(output: bytes, line: str) -> None:
    assert shown(output) == line


@given(st.binary(max_size=600))
def test_a_preview_has_no_controls_and_no_more_than_it_may(output: bytes) -> None:
    line = shown(output)
    assert len(line) <= LONGEST
    assert not set(line) & {chr(code) for code in (*range(32), 127)}


def test_only_the_end_of_a_long_journal_is_read(tmp_path: Path) -> None:
    (tmp_path / f"{0:020d}").write_bytes(b"first\n" + b"x" * 10_000 + b"\nlast\n")
    journal = Journal(tmp_path)
    assert last_line(journal) == "last"
    journal.release()
