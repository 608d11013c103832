"""Where a viewer begins: at its cursor, a stretch before the end, or now (contract §3)."""

from __future__ import annotations

from contextlib import suppress

from gestalt_session.terminal.journal import Journal, Trimmed

SEARCHED = 64 * 1024  # how far a line start is looked for; a longer line counts as endless
_CONTINUATION_MASK, _CONTINUATION = 0xC0, 0x80
_LONGEST_CHARACTER = 4


def starting_point(journal: Journal, cursor: int | None, tail: int | None) -> int:
    """The offset of the first byte to send. What is before the base is the caller's to tell as a reset."""
    if cursor is not None:
        return min(cursor, journal.end)
    if tail is not None:
        return line_start(journal, max(journal.base, journal.end - tail))
    return journal.end


def line_start(journal: Journal, offset: int) -> int:
    """The first line start at or after `offset`; within one endless line, the next character."""
    if offset <= journal.base:
        return journal.base
    before = offset - 1
    try:
        text = journal.read(before, SEARCHED + 1)
    except Trimmed as trimmed:
        return trimmed.resume
    text += _following(journal, before + len(text), offset + SEARCHED)
    newline = text.find(b"\n")
    if newline >= 0:
        return before + newline + 1
    return _character_start(text[1:], offset)


def _following(journal: Journal, start: int, end: int) -> bytes:
    """What later segments have until `end` or a hole: a read stops where its segment does."""
    parts = []
    with suppress(Trimmed):
        while start < end and (part := journal.read(start, end - start)):
            parts.append(part)
            start += len(part)
    return b"".join(parts)


def _character_start(text: bytes, offset: int) -> int:
    for index, byte in enumerate(text[:_LONGEST_CHARACTER]):
        if byte & _CONTINUATION_MASK != _CONTINUATION:
            return offset + index
    return offset if len(text) >= _LONGEST_CHARACTER else offset + len(text)
