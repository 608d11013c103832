"""Pages of lines: every line once, nothing torn, whatever the page size and the journal's shape."""

from __future__ import annotations

import re
import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gestalt_session.terminal.journal import Journal
from gestalt_session.terminal.lines import LONGEST_LINE, Page, page, plain

MOST = 4 * 1024 * 1024


def journal_of(folder: Path, *segments: tuple[int, bytes]) -> Journal:
    """A journal with these segments, each at its offset."""
    for start, data in segments:
        (folder / f"{start:020d}").write_bytes(data)
    return Journal(folder)


def all_pages(journal: Journal, count: int, most: int = MOST) -> list[Page]:
    """Every page, oldest first, as a client that follows next_before gets them."""
    pages = [page(journal, None, count, most)]
    while pages[0].start > journal.base:
        earlier = page(journal, pages[0].start, count, most)
        assert earlier.start < pages[0].start, "paging back makes progress"
        pages.insert(0, earlier)
    return pages


def lines_of(pages: list[Page]) -> list[str]:
    return [line for one in pages for line in one.lines]


def test_before_zero_is_an_empty_page(tmp_path: Path) -> None:
    assert page(journal_of(tmp_path, (0, b"one\ntwo\n")), 0, 10, MOST) == Page([], 0, 0)


def test_an_empty_journal_is_an_empty_page(tmp_path: Path) -> None:
    assert page(Journal(tmp_path), None, 10, MOST) == Page([], 0, 0)


def test_beyond_the_end_is_the_end(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, (0, b"one\ntwo\n"))
    assert page(journal, 1_000, 1, MOST) == page(journal, None, 1, MOST) == Page(["two"], 4, 8)


def test_an_unfinished_line_is_a_line_and_carriage_returns_stay(tmp_path: Path) -> None:
    assert page(journal_of(tmp_path, (0, b"one\r\n$ ")), None, 10, MOST).lines == ["one\r", "$ "]


def test_a_page_that_ends_inside_a_line_shows_its_beginning(tmp_path: Path) -> None:
    assert page(journal_of(tmp_path, (0, b"one\ntwo\n")), 6, 1, MOST) == Page(["tw"], 4, 6)


def test_a_torn_character_or_sequence_at_the_end_is_left_to_the_next_bytes(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, (0, "héllo".encode()))
    assert page(journal, 2, 1, MOST) == Page(["h"], 0, 1)
    sequence = journal_of(tmp_path / "..", (0, b"red\x1b[31mtext"))
    assert page(sequence, 6, 1, MOST) == Page(["red"], 0, 3)


def test_invalid_utf8_shows_as_replacement(tmp_path: Path) -> None:
    assert page(journal_of(tmp_path, (0, b"a\xffb\n")), None, 1, MOST).lines == ["a\ufffdb"]


def test_a_page_after_a_hole_begins_behind_it_and_the_next_one_before_it(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, (0, b"one\ntwo\n"), (100, b"three\nfour\n"))
    assert lines_of(all_pages(journal, 10)) == ["one", "two", "three", "four"]


def test_a_long_line_is_split_on_one_grid_whatever_the_page(tmp_path: Path) -> None:
    text = ("é" * 100_000 + "\nshort\n").encode()
    journal = journal_of(tmp_path, (0, text))
    once, piecemeal = lines_of(all_pages(journal, 100)), lines_of(all_pages(journal, 1, 3 * LONGEST_LINE))
    assert once == piecemeal
    assert "".join(once[:-1]) == "é" * 100_000
    assert once[-1] == "short"


def test_plain_text_has_neither_sequences_nor_controls() -> None:
    assert plain("\x1b]0;title\x07\x1b[1;31mred\x1b[0m\tx\r") == "red\tx"


def test_a_hole_larger_than_a_page_is_stepped_over(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, (0, b"one\ntwo\n"), (1_000_000, b"three\n"))
    assert lines_of(all_pages(journal, 10, 3 * LONGEST_LINE)) == ["one", "two", "three"]


def test_a_page_into_a_hole_shows_what_is_before_it(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, (0, b"one\ntwo"), (100, b"three\n"))
    assert page(journal, 50, 1, MOST) == Page(["two"], 4, 50)


def test_a_string_that_no_program_ended_stays_in_its_line(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, (0, b"\x1b]0;never ended\nafter\n"))
    assert lines_of(all_pages(journal, 1)) == ["\x1b]0;never ended", "after"]


def test_a_character_across_the_first_bytes_that_a_page_reads_is_not_torn(tmp_path: Path) -> None:
    text = ("x" + "é" * 200_000).encode()
    journal = journal_of(tmp_path, (0, text))
    for most in range(3 * LONGEST_LINE, 3 * LONGEST_LINE + 8):
        for before in range(len(text) - 4, len(text) + 1):
            at, shown = before, ""
            while at > 0:
                one = page(journal, at, 1, most)
                assert one.start < at
                at, shown = one.start, "".join(one.lines) + shown
            assert "\ufffd" not in shown
            assert shown == text[:before].decode(errors="ignore")


SHORT = [b"a", b"word ", b"\n", b"\r\n", "é".encode(), "😀".encode(), b"\x1b[31m", b"\x1b]0;t\x07", b"\x1b[?2004h"]
FILLERS = [("é" * 40_000).encode(), b"x" * LONGEST_LINE, b"y" * (LONGEST_LINE - 3), ("\x1b[1m😀" * 20_000).encode()]
RUNS = st.lists(st.sampled_from(SHORT) | st.sampled_from([*SHORT, *FILLERS]), max_size=25)


def cuts_allowed(text: bytes, start: int) -> set[int]:
    """Offsets where neither a character nor a sequence is torn, and the end."""
    units = re.finditer(rb"\x1b\[[0-?]*[@-~]|\x1b\][^\x07]*\x07|[\x00-\x7f]|[\xc0-\xff][\x80-\xbf]*", text)
    return {start + unit.start() for unit in units} | {start + len(text)}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    runs=st.lists(RUNS, min_size=1, max_size=3),
    holes=st.lists(st.integers(1, 300_000), min_size=2, max_size=2),
    base=st.integers(0, 200_000),
    count=st.integers(2, 7),
)
def test_over_holes_and_long_lines_pages_of_any_size_show_the_same(
    runs: list[list[bytes]], holes: list[int], base: int, count: int
) -> None:
    segments, allowed, offset = [], set[int](), base
    for pieces, hole in zip(runs, [*holes, 0], strict=False):
        text = b"".join(pieces)
        if text:
            segments.append((offset, text))
            allowed |= cuts_allowed(text, offset)
            offset += len(text) + hole
    with tempfile.TemporaryDirectory() as folder:
        journal = journal_of(Path(folder), *segments)
        one_by_one = all_pages(journal, 1, 3 * LONGEST_LINE)
        lines = lines_of(one_by_one)
        assert lines_of(all_pages(journal, count)) == lines
        assert all(one.start in allowed for one in one_by_one if one.lines)
        assert "\ufffd" not in "".join(lines)
        assert "".join(lines) == b"".join(text for _, text in segments).replace(b"\n", b"").decode()
        journal.release()


PIECES = st.sampled_from(
    [b"a", b"word ", b"\n", b"\r\n", "é".encode(), "😀".encode(), b"\x1b[31m", b"\x1b]0;t\x07", b"\x1b[?2004h", b"\xff"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=60), st.integers(1, 7), st.lists(st.integers(1, 200), max_size=4))
@example([b"a", b"\n", b"a"], 1, [1])
def test_paging_back_shows_every_line_once(pieces: list[bytes], count: int, cuts: list[int]) -> None:
    text = b"".join(pieces)
    with tempfile.TemporaryDirectory() as folder:
        bounds = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
        segments = [(a, text[a:b]) for a, b in pairwise(bounds)]
        journal = journal_of(Path(folder), *segments)
        shown = [line.encode("utf-8", "surrogateescape") for line in lines_of(all_pages(journal, count))]
        wanted = text.split(b"\n")
        if not wanted[-1]:
            wanted.pop()
        assert shown == [line.decode("utf-8", "replace").encode() for line in wanted]
        journal.release()
