"""Reading what the host writes: segments, holes, what was dropped."""

from __future__ import annotations

from pathlib import Path

import pytest

from gestalt_session.terminal.attaching import line_start, starting_point
from gestalt_session.terminal.journal import Journal, Trimmed


def segment(folder: Path, start: int, data: bytes) -> None:
    (folder / f"{start:020d}").write_bytes(data)


def test_before_the_base_is_trimmed(tmp_path: Path) -> None:
    segment(tmp_path, 100, b"later")
    with pytest.raises(Trimmed, match="trimmed") as trimmed:
        Journal(tmp_path).read(5, 10)
    assert trimmed.value.resume == 100


def test_a_gap_between_segments_is_a_hole(tmp_path: Path) -> None:
    segment(tmp_path, 0, b"before")
    segment(tmp_path, 50, b"after")
    journal = Journal(tmp_path)
    assert journal.read(0, 100) == b"before"
    with pytest.raises(Trimmed, match="hole") as trimmed:
        journal.read(6, 100)
    assert trimmed.value.resume == 50


def test_all_that_was_lost_on_a_full_disk_is_a_hole_to_the_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.end = 10
    with pytest.raises(Trimmed, match="hole") as trimmed:
        journal.read(0, 100)
    assert trimmed.value.resume == 10


def test_a_segment_that_vanished_meanwhile_is_trimmed(tmp_path: Path) -> None:
    segment(tmp_path, 0, b"one")
    segment(tmp_path, 3, b"two")
    journal = Journal(tmp_path)
    (tmp_path / f"{0:020d}").unlink()
    with pytest.raises(Trimmed) as trimmed:
        journal.read(0, 10)
    assert trimmed.value.resume == 3


def test_when_all_known_segments_vanished_reading_goes_on_at_the_first_that_is_there(tmp_path: Path) -> None:
    segment(tmp_path, 0, b"one")
    journal = Journal(tmp_path)
    (tmp_path / f"{0:020d}").unlink()
    segment(tmp_path, 50, b"later")
    with pytest.raises(Trimmed, match="trimmed") as trimmed:
        journal.read(0, 10)
    assert (trimmed.value.resume, journal.base, journal.end) == (50, 50, 55)


def test_when_everything_is_deleted_meanwhile_nothing_is_left_to_read(tmp_path: Path) -> None:
    segment(tmp_path, 0, b"one")
    journal = Journal(tmp_path)
    (tmp_path / f"{0:020d}").unlink()
    with pytest.raises(Trimmed) as trimmed:
        journal.read(1, 10)
    assert trimmed.value.resume == journal.end == 3
    assert journal.stretch(0, 3) == (0, b"")


def test_a_stretch_goes_over_segments_and_begins_behind_the_last_hole(tmp_path: Path) -> None:
    segment(tmp_path, 10, b"abc")
    segment(tmp_path, 13, b"def")
    segment(tmp_path, 30, b"ghi")
    journal = Journal(tmp_path)
    assert journal.stretch(0, 15) == (10, b"abcde")
    assert journal.stretch(11, 30) == (11, b"bcdef")
    assert journal.stretch(11, 1_000) == (30, b"ghi")
    assert journal.stretch(20, 25) == (20, b"")
    journal.release()


def test_an_open_segment_stays_readable_when_it_is_dropped(tmp_path: Path) -> None:
    segment(tmp_path, 0, b"one")
    segment(tmp_path, 3, b"two")
    journal = Journal(tmp_path)
    assert journal.read(0, 1) == b"o"
    (tmp_path / f"{0:020d}").unlink()
    assert journal.read(1, 10) == b"ne"
    journal.release()


def test_a_young_journal_begins_at_zero_before_its_first_segment_is_seen(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    assert (journal.base, journal.end) == (0, 0)
    segment(tmp_path, 0, b"prompt")
    journal.end = 6
    assert (journal.base, journal.read(0, 10)) == (0, b"prompt")
    journal.release()


def test_a_rotation_before_anybody_read_hides_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    segment(tmp_path, 0, b"prompt")
    journal.end = 6
    segment(tmp_path, 6, b"")
    journal.rotated(6, 0)
    assert (journal.starts, journal.read(0, 10)) == ([0, 6], b"prompt")
    journal.release()


def test_what_is_told_late_of_a_folder_already_seen_changes_nothing(tmp_path: Path) -> None:
    for start in (20, 30, 40):
        segment(tmp_path, start, b"x" * 10)
    journal = Journal(tmp_path)
    journal.rotated(10, 0)
    journal.rotated(20, 10)
    journal.rotated(50, 20)
    assert journal.starts == [20, 30, 40, 50]


def test_dropping_keeps_the_newest_segment(tmp_path: Path) -> None:
    for start in (0, 10, 20):
        segment(tmp_path, start, b"x" * 10)
    journal = Journal(tmp_path)
    assert journal.drop_before(1_000) == 20
    assert (journal.base, sorted(path.name for path in tmp_path.iterdir())) == (20, [f"{20:020d}"])


def test_reading_goes_over_segments_one_at_a_time(tmp_path: Path) -> None:
    segment(tmp_path, 0, b"abc")
    segment(tmp_path, 3, b"def")
    journal = Journal(tmp_path)
    assert [journal.read(1, 10), journal.read(3, 2), journal.read(6, 10)] == [b"bc", b"de", b""]
    journal.release()


def test_a_viewer_begins_at_its_cursor_or_a_line_or_now(tmp_path: Path) -> None:
    segment(tmp_path, 0, b"one\ntwo\nthree")
    journal = Journal(tmp_path)
    assert starting_point(journal, 5, 2) == 5
    assert starting_point(journal, 500, None) == 13
    assert starting_point(journal, None, 6) == 8
    assert starting_point(journal, None, 9) == 4
    assert starting_point(journal, None, 500) == 0
    assert starting_point(journal, None, None) == 13
    journal.release()


def test_in_an_endless_line_a_tail_begins_at_a_character(tmp_path: Path) -> None:
    segment(tmp_path, 0, "ééééé".encode())
    journal = Journal(tmp_path)
    assert line_start(journal, 3) == 4
    assert line_start(journal, 9) == 10, "never half a character, even if it is the last"
    journal.release()


def test_a_line_is_found_over_the_end_of_a_segment_and_begins_anew_behind_a_hole(tmp_path: Path) -> None:
    segment(tmp_path, 0, b"one\ntw")
    segment(tmp_path, 6, b"o\nthree")
    segment(tmp_path, 50, b"after\n")
    journal = Journal(tmp_path)
    assert line_start(journal, 6) == 8
    assert line_start(journal, 10) == 10
    assert line_start(journal, 20) == 50
    journal.release()
