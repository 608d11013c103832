"""A laboratory for screens: one engine, and the whole state of its terminals."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from gestalt_session.screen.engine import SLICE, Engine
from gestalt_session.screen.script import bundle_path

LIMIT = 256 * 1024
Resizes = list[tuple[int, int, int]]


class Lab(Engine):
    """An engine that tells everything."""

    def __init__(self) -> None:
        script = bundle_path().read_text() + Path(__file__).with_name("screen_state.js").read_text()
        super().__init__(script)

    def write(self, number: int, data: bytes) -> int:
        """Feed all that ends between two sequences; how much that was."""
        position = taken = 0
        while position < len(data):
            taken = self.feed(number, data[position : position + SLICE])
            if not taken:
                break
            position += taken
        return position

    def state(self, number: int) -> dict[str, Any]:
        """All that shows, and all that decides what will."""
        return dict(json.loads(str(self._call(f"stateOf({number})", 10))))


@cache
def lab() -> Lab:
    """One for all tests: making an isolate takes a tenth of a second."""
    return Lab()


def replay(number: int, data: bytes, size: tuple[int, int], resizes: Resizes, start: int = 0) -> int:
    """Play bytes with their resizes into an open terminal; where it stands (between two sequences)."""
    engine, position = lab(), start
    for offset, cols, rows in [*resizes, (len(data), 0, 0)]:
        if offset < start:
            continue
        position += engine.write(number, data[position:offset])
        if cols:
            engine.resize(number, cols, rows)
    del size
    return position


def differences(whole: dict[str, Any], restored: dict[str, Any]) -> list[str]:
    """The names of what differs; of the scrollback what both have."""
    found = []
    for name, wanted in whole.items():
        if name in {"normal", "alternate"}:
            found += [f"{name}.{part}" for part in _buffer(wanted, restored[name])]
        elif wanted != restored[name]:
            found.append(name)
    return found


def _buffer(whole: dict[str, Any], restored: dict[str, Any]) -> Iterator[str]:
    shared = min(len(whole["scrollback"]), len(restored["scrollback"]))
    if shared and whole["scrollback"][-shared:] != restored["scrollback"][-shared:]:
        yield "scrollback"
    yield from (part for part in whole if part != "scrollback" and whole[part] != restored[part])


def check_cut(data: bytes, cut: int, size: tuple[int, int], resizes: Resizes | None = None) -> list[str]:
    """What differs between the whole replay and snapshot + tail, at the cut and at the end."""
    engine, sizes = lab(), resizes or []
    before = [mark for mark in sizes if mark[0] < cut]
    after = [mark for mark in sizes if mark[0] >= cut]
    engine.open(1, *size)
    at = replay(1, data[:cut], size, before)
    picture = engine.picture(1, LIMIT)
    engine.open(2, picture.cols, picture.rows)
    redraw = picture.redraw.encode()
    assert engine.write(2, redraw) == len(redraw)
    found = [f"cut {name}" for name in differences(engine.state(1), engine.state(2))]
    for number in (1, 2):
        replay(number, data, size, after, at)
    return found + [f"end {name}" for name in differences(engine.state(1), engine.state(2))]


PIECES = [
    *[b"hello ", b"a", b"world\r\n", b"\r\n", b"\n", b"\r", b"\t", b"\b", b"x" * 37, "中文字".encode(), "é".encode()],
    *["e\u0301".encode(), "🙂".encode(), b"\x1b[m", b"\x1b[1;31m", b"\x1b[4m", b"\x1b[4:3m", b"\x1b[38;5;208m"],
    *[b"\x1b[48;2;1;2;3m", b"\x1b[44m", b"\x1b[7m", b"\x1b[9;53m", b"\x1b[58;5;3m", b"\x1b[27m", b"\x1b[2;8H"],
    *[b"\x1b[H", b"\x1b[3;5H", b"\x1b[99;99H", b"\x1b[A", b"\x1b[3B", b"\x1b[5C", b"\x1b[2D", b"\x1b[10G", b"\x1b[J"],
    *[b"\x1b[1J", b"\x1b[2J", b"\x1b[K", b"\x1b[1K", b"\x1b[2K", b"\x1b[3X", b"\x1b[2P", b"\x1b[4@", b"\x1b[2L"],
    *[b"\x1b[M", b"\x1b[2S", b"\x1b[T", b"\x1b[3b", b"\x1b[2;6r", b"\x1b[r", b"\x1b7", b"\x1b8", b"\x1b[s", b"\x1b[u"],
    *[b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?47h", b"\x1b[?47l", b"\x1b[?6h", b"\x1b[?6l", b"\x1b[?7l", b"\x1b[?7h"],
    *[b"\x1b[4h", b"\x1b[4l", b"\x1b[?25l", b"\x1b[?25h", b"\x1b[?2004h", b"\x1b[?1h", b"\x1b=", b"\x1b>"],
    *[b"\x1b[?1000h", b"\x1b[?1006h", b"\x1b[20h", b"\x1b[20l", b"\x1b(0", b"\x1b(B", b"\x1b)0", b"\x0e", b"\x0f"],
    *[b"\x1bH", b"\x1b[3g", b"\x1b[g", b"\x1bD", b"\x1bM", b"\x1bE", b"\x1b]0;title\x07", b"\x1b]2;t\x1b\\"],
    *[b"\x1b[>1u", b"\x1b[>5u", b"\x1b[<u", b"\x1b[<9u", b"\x1b[=3;2u", b"\x1b[=1;3u", b"\x1b[=8u", b"\x1b[?u"],
    *[b"\x1b]8;id=1;http://x/\x1b\\", b"\x1b]8;;\x1b\\", b"\x1b[3 q", b"\x1b[!p", b'\x1b[1"q', b'\x1b[0"q', b"qqx"],
    *[b"\x1b]7;file://h/tmp\x07", b"\x1b[6n", b"\x1bP$qm\x1b\\", b"\x1b_apc\x1b\\", b"\x07", b"\xc2\x9b1m", b"\xff"],
    *[b"\x1b]8;;http://y/\x1b\\", b"\x1b[?1047h", b"\x1b[?1047l", b"\x1b[?1048h", b"\x1b[?1048l", b"\x1b[?45h"],
    *[b"\x1b[3J", b"\x1b#8", b"\x1b[2 @", b"\x1b[ A", b"\x1b['}", b"\x1b['~", b"\x1b[2I", b"\x1b[Z", b"\x1b[5`"],
    *[b"\x1b[2d", b"\x1b*0", b"\x1bn", b"\x1b[?1002h", b"\x1b[?1016h", b"\x1b[?12h", b"\x1b[2 q", b"\x1b[?J"],
    *[b"\x1b[?1K", b"\x1bc", b"\x1b[21m", b"\x1b[2;3;5;8m", b"\x1b[97;105m", b"\x1b[39;49;59m"],
    *["\u1100\u1161".encode(), b"\x1b[?2026h"],
]


def generated(seed: int, pieces: int = 60) -> bytes:
    """A program that says anything."""
    choose = random.Random(seed)  # noqa: S311 - reproducible, not secret
    return b"".join(choose.choice(PIECES) for _ in range(pieces))
