"""The journal as an asciicast: valid lines, true times, sizes, characters whole."""

from __future__ import annotations

import json
import struct
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gestalt_session.terminal.folder import ExitFile, SessionFile, SessionFolder
from gestalt_session.terminal.recording import recording

TITLE = "Shell 1"


def file_of(created_at: float) -> SessionFile:
    return SessionFile(
        uid="u", id=TITLE, number=1, host="h", title="Shell", role="", command="sh", argv=["sh"], cwd="/",
        cols=80, rows=24, created_at=created_at,
    )  # fmt: skip


def recorded(folder: Path, version: int) -> list[Any]:
    """A session of two bursts, a resize between them, a character cut by the second."""
    at = SessionFolder(folder / "session")
    at.make()
    file = file_of(1_000.0)
    data = "first é".encode() + b" second"
    (at.journal / f"{0:020d}").write_bytes(data)
    marks = [(1_000_000_000, 0), (1_002_500_000, 7)]  # the second begins inside the é
    (at.journal / f"{0:020d}.times").write_bytes(b"".join(struct.pack("<QQ", *mark) for mark in marks) + b"torn")
    at.sizes.write_text(
        '{"at":1000,"offset":0,"cols":80,"rows":24}\n{"at":1001,"offset":7,"cols":100,"rows":30}\n{"at"'
    )
    at.save_exit(ExitFile(exit_code=3, ended_at=1_004.0, offset=len(data)))
    return [json.loads(line) for line in b"".join(recording(at, file, version)).splitlines()]


def test_version_2_has_times_from_the_beginning(tmp_path: Path) -> None:
    header, *events = recorded(tmp_path, 2)
    assert header == {
        "version": 2,
        "timestamp": 1_000,
        "title": TITLE,
        "width": 80,
        "height": 24,
        "env": {"TERM": "xterm-256color"},
    }
    assert events == [[0.0, "o", "first "], [1.0, "r", "100x30"], [2.5, "o", "é second"]]


def test_version_3_has_intervals_and_the_exit(tmp_path: Path) -> None:
    header, *events = recorded(tmp_path, 3)
    assert header["term"] == {"cols": 80, "rows": 24, "type": "xterm-256color"}
    assert events == [[0.0, "o", "first "], [1.0, "r", "100x30"], [1.5, "o", "é second"], [1.5, "x", "3"]]


def test_a_session_that_never_wrote_is_a_header(tmp_path: Path) -> None:
    at = SessionFolder(tmp_path / "session")
    at.make()
    assert len(list(recording(at, file_of(5.0), 2))) == 1


def test_marks_of_what_is_written_meanwhile_are_left_out(tmp_path: Path) -> None:
    header, *events = recorded(tmp_path, 2)
    at = SessionFolder(tmp_path / "session")
    times = at.journal / f"{0:020d}.times"
    times.write_bytes(times.read_bytes()[:32] + struct.pack("<QQQQ", 1_003_000_000, 500, 1_004_000_000, 900))
    assert [json.loads(line) for line in b"".join(recording(at, file_of(1_000.0), 2)).splitlines()] == [header, *events]


def test_an_unknown_exit_code_is_no_event(tmp_path: Path) -> None:
    recorded(tmp_path, 3)
    at = SessionFolder(tmp_path / "session")
    at.save_exit(ExitFile(exit_code=None, ended_at=1_004.0, offset=0))
    assert [json.loads(line)[1] for line in list(recording(at, file_of(1_000.0), 3))[1:]] == ["o", "r", "o"]


def test_over_a_hole_and_after_a_trimmed_base_it_goes_on(tmp_path: Path) -> None:
    at = SessionFolder(tmp_path / "session")
    at.make()
    for start, data in ((100, b"old "), (200, b"new")):
        (at.journal / f"{start:020d}").write_bytes(data)
    _, *events = [json.loads(line) for line in recording(at, file_of(1_000.0), 2)]
    assert events == [[0.0, "o", "old "], [0.0, "o", "new"]]


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(st.sampled_from('aé😀\x1b\n"\\\0'), max_size=60),
    cuts=st.lists(st.tuples(st.integers(0, 200), st.integers(-5, 5)), max_size=6),
    segments=st.sets(st.integers(1, 200), max_size=3),
    sizes=st.lists(st.integers(0, 200), max_size=4),
)
def test_any_journal_is_valid_lines_whose_output_is_whole(
    text: str, cuts: list[tuple[int, int]], segments: set[int], sizes: list[int]
) -> None:
    data = text.encode()
    with tempfile.TemporaryDirectory() as folder:
        at, file = SessionFolder(Path(folder) / "session"), file_of(1_000.0)
        at.make()
        bounds = [0, *sorted(cut for cut in segments if cut < len(data)), len(data)]
        for start, end in pairwise(bounds):
            name = f"{start:020d}"
            marks = [(start, 0), *sorted(cut for cut in cuts if start < cut[0] < end)]
            (at.journal / name).write_bytes(data[start:end])
            stamps = [struct.pack("<QQ", (1_000 + seconds) * 1_000_000, offset) for offset, seconds in marks]
            (at.journal / f"{name}.times").write_bytes(b"".join(stamps))
        for number, offset in enumerate(sorted(sizes)):
            file.cols = 80 + number
            at.note_size(file, offset)
        at.save_exit(ExitFile(exit_code=-1, ended_at=2_000.0, offset=len(data)))
        for version in (2, 3):
            header, *events = [json.loads(line) for line in recording(at, file, version)]
            assert header["version"] == version
            assert "".join(event[2] for event in events if event[1] == "o") == text
            assert all(event[0] >= 0 for event in events)
            assert version == 3 or [event[0] for event in events] == sorted(event[0] for event in events)
            assert [event[1] for event in events].count("x") == version - 2
            shown = [header.get("width") or header["term"]["cols"]]
            shown += [int(event[2].partition("x")[0]) for event in events if event[1] == "r"]
            assert shown == sorted(shown), "sizes come in order"
            assert shown[-1] == file.cols
