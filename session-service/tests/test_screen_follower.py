"""A terminal that follows a journal: over segments, holes, sizes and restarts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from screen_lab import LIMIT, differences, generated, lab

from gestalt_session.screen.checkpoints import MOST
from gestalt_session.screen.desk import MOST_CELLS_IN_ALL, Desk
from gestalt_session.screen.engine import SLICE, TooLarge, cells_of
from gestalt_session.screen.follower import Follower
from gestalt_session.screen.wire import Show, Written
from gestalt_session.terminal.folder import SessionFile, SessionFolder


@pytest.fixture(autouse=True, scope="module")
def _isolate() -> Iterator[None]:
    """One engine for all, ended with them: its threads would keep the process."""
    yield
    lab().close()
    lab.cache_clear()


def a_folder(path: Path, *, cols: int = 30, rows: int = 8) -> SessionFolder:
    folder = SessionFolder(path)
    folder.journal.mkdir(parents=True)
    file = SessionFile(
        uid="u",
        id="Shell 1",
        number=1,
        host="h",
        title="t",
        role="",
        command="c",
        argv=["c"],
        cwd="/",
        cols=cols,
        rows=rows,
        created_at=time.time(),
    )
    folder.save(file)
    folder.note_size(file, 0)
    return folder


def write(folder: SessionFolder, data: bytes, *, segment: int, start: int = 0) -> int:
    """Bytes in segments of that size; where they end."""
    for begin in range(0, len(data), segment):
        (folder.journal / f"{start + begin:020d}").write_bytes(data[begin : begin + segment])
    return start + len(data)


def resized(folder: SessionFolder, offset: int, cols: int, rows: int) -> None:
    file = folder.load()
    file.cols, file.rows = cols, rows
    folder.keep_size(file, offset)


def followed(folder: SessionFolder, end: int, *, number: int = 1) -> Follower:
    follower = Follower(lab(), number, folder)
    follower.tell(end)
    while follower.advance():
        pass
    return follower


def whole(data: bytes, size: tuple[int, int] = (30, 8)) -> dict[str, Any]:
    lab().open(2, *size)
    lab().write(2, data)
    return lab().state(2)


@pytest.mark.parametrize("segment", [1, 7, 100, 5_000])
def test_a_sequence_may_begin_in_one_segment_and_end_in_the_next(tmp_path: Path, segment: int) -> None:
    data = b"\x1b[31mred\x1b[m \xe4\xb8\xad\r\n" * 40
    follower = followed(folder := a_folder(tmp_path / "u"), write(folder, data, segment=segment))
    assert follower.offset == len(data)
    assert not follower.behind
    assert not differences(whole(data), lab().state(1))


def test_what_may_go_on_waits_for_the_rest(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "u")
    end = write(folder, b"abc\x1b[3", segment=100)
    follower = followed(folder, end)
    assert follower.offset == 3
    (folder.journal / f"{0:020d}").write_bytes(b"abc\x1b[31mred")
    follower.tell(len(b"abc\x1b[31mred"))
    while follower.advance():
        pass
    assert not differences(whole(b"abc\x1b[31mred"), lab().state(1))


def test_a_hole_is_passed_over_and_what_it_cut_off_forgotten(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "u")
    write(folder, b"before\x1b[3", segment=100)
    end = write(folder, b" after", segment=100, start=500)
    follower = followed(folder, end)
    assert follower.offset == end
    assert follower.lines()[0] == "before after"


def test_a_sequence_without_end_is_not_kept_and_the_rest_is_shown(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "u")
    data = b"before\x1b]0;" + b"x" * (5 * SLICE) + b"\x07 after"
    follower = followed(folder, write(folder, data, segment=SLICE))
    assert follower.lines()[0] == "before after"
    assert follower.offset == len(data)


def test_a_journal_that_was_trimmed_is_followed_from_its_base(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "u")
    follower = followed(folder, write(folder, b"old", segment=10))
    (folder.journal / f"{0:020d}").unlink()
    end = write(folder, b"new", segment=10, start=1_000)
    follower.tell(end)
    while follower.advance():
        pass
    assert "new" in follower.lines()[0]
    assert follower.offset == end


@pytest.mark.parametrize("seed", range(6))
def test_it_goes_on_from_a_checkpoint_as_if_it_had_never_ended(tmp_path: Path, seed: int) -> None:
    folder = a_folder(tmp_path / "u")
    data = generated(seed, pieces=400)
    cut = len(data) // 2
    resized(folder, cut // 2, 22, 6)
    end = write(folder, data, segment=700)
    first = followed(folder, cut)
    first.close()
    second = followed(folder, end)
    (folder.path / "screens").rename(folder.path / "away")
    followed(folder, end, number=2)
    assert second.offset == end
    found = differences(lab().state(2), lab().state(1))
    assert found in ([], ["normal.screen"]), found  # a hyperlink whose lines are gone, see test_screen_properties


def test_checkpoints_are_dropped_with_their_bytes(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "u")
    line = b"a line of text\r\n"
    data = line * (3 * 1024 * 1024 // len(line))
    follower = followed(folder, write(folder, data, segment=1024 * 1024))
    assert len(list((folder.path / "screens").iterdir())) >= 2
    for segment in sorted(folder.journal.iterdir())[:2]:
        segment.unlink()
    end = write(folder, line * 100_000, segment=1024 * 1024, start=len(data))
    follower.tell(end)
    while follower.advance():
        pass
    kept = sorted(int(path.stem) for path in (folder.path / "screens").iterdir())
    assert kept
    assert kept[0] >= 2 * 1024 * 1024
    assert len(follower.picture(LIMIT).redraw) < LIMIT


def test_a_terminal_too_large_for_memory_is_not_shown_until_it_has_another_size(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "u", cols=65_535, rows=65_535)
    end = write(folder, b"never seen", segment=100)
    follower = followed(folder, end)
    for ask in (follower.lines, lambda: follower.picture(LIMIT)):
        with pytest.raises(TooLarge, match="65535 x 65535 cells are more"):
            ask()
    assert follower.offset == end
    resized(folder, end, 30, 8)
    end = write(folder, b"seen", segment=100, start=end)
    follower.tell(end)
    while follower.advance():
        pass
    assert follower.lines()[0] == "seen"
    resized(folder, end, 65_535, 65_535)
    follower.tell(end)
    while follower.advance():
        pass
    with pytest.raises(TooLarge):
        follower.lines()
    follower.close()
    assert not (folder.path / "screens").exists()


def test_a_terminal_that_grows_too_large_within_a_long_sequence_is_done_with_what_there_is(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "u")
    begun = write(folder, b"\x1b]0;" + b"x" * (3 * SLICE), segment=SLICE)
    follower = followed(folder, begun)
    resized(folder, begun, 65_535, 65_535)
    end = write(folder, b"x" * SLICE, segment=SLICE, start=begun)
    follower.tell(end)
    for _ in range(100):
        if not follower.advance():
            break
    assert (follower.offset, follower.behind) == (end, False)


def test_a_screen_is_kept_at_every_size(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "u")
    end = write(folder, b"a line longer than ten\r\n" * 3, segment=1_000)
    for offset, cols in ((20, 10), (20, 11), (40, 12)):
        resized(folder, offset, cols, 8)
    followed(folder, end)
    kept = {path.stem for path in (folder.path / "screens").iterdir()}
    assert kept == {f"{offset:020d}" for offset in (20, 40)}
    first = lab().state(1)
    again = Follower(lab(), 2, folder)
    assert again.offset == 40
    again.tell(end)
    while again.advance():
        pass
    assert not differences(first, lab().state(2))


def test_a_desk_lets_go_of_what_it_has_no_room_for(tmp_path: Path) -> None:
    each = cells_of(999, 900)
    count = MOST_CELLS_IN_ALL // each + 3
    desk = Desk(lab(), tmp_path)
    for number in range(count):
        folder = a_folder(tmp_path / f"u{number}", cols=999, rows=900)
        desk.take(Written(f"u{number}", write(folder, b"seen", segment=100)))
    desk.take(Show(1, "u0", 4, limit=0, lines=True))
    answers: list[Any] = []
    while desk.busy:
        answers += desk.work()
    assert sum(follower.cells for follower in desk._followers.values()) <= MOST_CELLS_IN_ALL
    assert [answer.lines[0] for answer in answers] == ["seen"]
    desk.close()
    for follower in list(desk._followers.values()):
        follower.drop()


def test_of_many_sizes_the_last_screens_are_kept(tmp_path: Path) -> None:
    folder = a_folder(tmp_path / "u")
    end = write(folder, b"x" * (2 * MOST), segment=1_000)
    for offset in range(1, 2 * MOST):
        resized(folder, offset, 20 + offset % 7, 8)
    followed(folder, end)
    kept = sorted(int(path.stem) for path in (folder.path / "screens").iterdir())
    assert (len(kept), kept[-1]) == (MOST, 2 * MOST - 1)
