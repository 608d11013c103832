"""The retained journal as an asciicast, version 2 or 3, streamed (docs.asciinema.org). Blocking: run in a thread."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gestalt_session.terminal.folder import ExitFile, SessionFile, SessionFolder
from gestalt_session.terminal.journal import Journal, Trimmed

CHUNK = 64 * 1024
MICROSECONDS = 1e6
_MARK = struct.Struct("<QQ")  # as the pty host writes them: microseconds since the epoch, offset


class Mark(Struct, frozen=True):
    """From `offset` on, output came at `at` (seconds since the epoch)."""

    at: float
    offset: int


class SizeMark(Struct, frozen=True):
    """The terminal's size from `offset` on."""

    at: float
    offset: int
    cols: int
    rows: int


def recording(folder: SessionFolder, file: SessionFile, version: int) -> Iterator[bytes]:
    """Lines of an asciicast of everything the journal still holds."""
    journal = Journal(folder.journal)
    try:
        yield from _lines(folder, file, journal, version)
    finally:
        journal.release()


def _lines(folder: SessionFolder, file: SessionFile, journal: Journal, version: int) -> Iterator[bytes]:
    marks = timing(journal, file.created_at)
    sizes = sizes_of(folder, file)
    begun = marks[0].at
    first = _first_size(sizes, journal.base, begun)
    yield _line(_header(file, sizes[first], begun, version))
    last = begun
    for at, code, data in _events(journal, marks, sizes[first + 1 :], folder.load_exit() if version > 2 else None):  # noqa: PLR2004
        moment = max(at, last)
        yield _line([round(moment - (last if version > 2 else begun), 6), code, data])  # noqa: PLR2004 - asciicast v3
        last = moment


def _header(file: SessionFile, size: SizeMark, begun: float, version: int) -> dict[str, Any]:
    common = {"version": version, "timestamp": int(begun), "title": file.id}
    if version > 2:  # noqa: PLR2004 - asciicast v3
        return common | {"term": {"cols": size.cols, "rows": size.rows, "type": "xterm-256color"}}
    return common | {"width": size.cols, "height": size.rows, "env": {"TERM": "xterm-256color"}}


def _line(value: Any) -> bytes:
    return msgspec.json.encode(value) + b"\n"


def _events(
    journal: Journal, marks: list[Mark], sizes: list[SizeMark], ended: ExitFile | None
) -> Iterator[tuple[float, str, str]]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    waiting = list(sizes)
    position, last = journal.base, marks[0].at
    end = journal.end  # a program that writes meanwhile has left marks beyond it
    for mark, until in zip(marks, [*(min(mark.offset, end) for mark in marks[1:]), end], strict=True):
        last = max(last, mark.at)
        while waiting and waiting[0].offset <= max(position, mark.offset):
            size = waiting.pop(0)
            yield size.at, "r", f"{size.cols}x{size.rows}"
        for chunk in _chunks(journal, position, until):  # the base may lie before the first mark that is kept
            text = decoder.decode(chunk)
            if text:
                yield mark.at, "o", text
        position = max(position, until)
    for size in waiting:
        yield size.at, "r", f"{size.cols}x{size.rows}"
    if ended is not None and ended.exit_code is not None:
        yield ended.ended_at, "x", str(ended.exit_code)


def _chunks(journal: Journal, start: int, end: int) -> Iterator[bytes]:
    end = min(end, journal.end)  # the timing of a live session may be newer than this look at its journal
    while start < end:
        try:
            chunk = journal.read(start, min(CHUNK, end - start))
        except Trimmed as trimmed:
            start = trimmed.resume
            continue
        yield chunk
        start += len(chunk)


def timing(journal: Journal, fallback: float) -> list[Mark]:
    """When what came, oldest first; never empty."""
    marks = [mark for start in journal.starts for mark in _read_marks(journal.folder / f"{start:020d}.times")]
    return marks or [Mark(fallback, journal.base)]


def _read_marks(path: Path) -> list[Mark]:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    whole = raw[: len(raw) - len(raw) % _MARK.size]  # the host may be writing the next one
    return [Mark(at / MICROSECONDS, offset) for at, offset in _MARK.iter_unpack(whole)]


def sizes_of(folder: SessionFolder, file: SessionFile) -> list[SizeMark]:
    """Every size the terminal has had, the first one first; never empty."""
    try:
        lines = folder.sizes.read_bytes().splitlines()
    except FileNotFoundError:
        lines = []
    marks = []
    for line in lines:
        try:
            marks.append(msgspec.json.decode(line, type=SizeMark))
        except msgspec.MsgspecError:
            continue  # cut by a crash in mid-write; the next one is whole
    return marks or [SizeMark(file.created_at, 0, file.cols, file.rows)]


def _first_size(sizes: list[SizeMark], base: int, begun: float) -> int:
    """Which size the terminal had when the recording begins; those after it are events."""
    before = [index for index, size in enumerate(sizes) if size.offset <= base and size.at <= begun]
    return before[-1] if before else 0
