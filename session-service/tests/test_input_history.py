"""What people sent to a session, kept on disk through restarts and crashes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from gestalt_session.terminal.input_history import KEPT, REWRITTEN_AT, Command, InputHistory

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def command(number: int) -> Command:
    return Command(f"run {number}\nsecond line é", NOON + timedelta(seconds=number))


def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "history"
    InputHistory(file).add(command(1))
    file.write_bytes(b'not json\n{"command": 5}\n\xff\n' + file.read_bytes())
    assert InputHistory(file).last(10, None) == [command(1)]


def test_a_line_cut_by_a_crash_swallows_no_later_one(tmp_path: Path) -> None:
    file = tmp_path / "history"
    InputHistory(file).add(command(1))
    file.write_bytes(file.read_bytes() + b'{"command":"ha')
    InputHistory(file).add(command(2))
    assert InputHistory(file).last(10, None) == [command(1), command(2)]


def test_it_is_empty_at_first_and_survives_a_restart_privately(tmp_path: Path) -> None:
    file = tmp_path / "history"
    history = InputHistory(file)
    assert history.last(10, None) == []
    for number in range(3):
        history.add(command(number))
    assert InputHistory(file).last(10, None) == history.last(10, None) == [command(number) for number in range(3)]
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_last_ones_since_a_moment_are_shown(tmp_path: Path) -> None:
    history = InputHistory(tmp_path / "history")
    for number in range(5):
        history.add(command(number))
    assert history.last(2, None) == [command(3), command(4)]
    assert history.last(10, NOON + timedelta(seconds=3)) == [command(3), command(4)]
    assert history.last(10, NOON + timedelta(seconds=9)) == []


def test_what_two_add_at_once_is_all_kept_though_the_file_is_cut_down(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_bytes(b'{"command":"old","timestamp":"2026-01-01T00:00:00Z"}\n' * REWRITTEN_AT)
    both = [InputHistory(file), InputHistory(file)]
    for number, history in enumerate(both):
        history.add(command(number))
    assert InputHistory(file).last(2, None) == [command(0), command(1)]


def test_only_the_last_thousand_are_kept_and_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_bytes(b'{"command":"old","timestamp":"2026-01-01T00:00:00Z"}\n' * REWRITTEN_AT)
    history = InputHistory(file)
    history.add(command(1))
    assert len(file.read_bytes().splitlines()) == KEPT + 1
    assert len(history.last(REWRITTEN_AT, None)) == KEPT
    assert history.last(1, None) == [command(1)]
