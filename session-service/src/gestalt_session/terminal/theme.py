"""The colours that programs are told when they ask: the dashboard's. Pure.

A viewer's own may differ; a program gets one answer, so it is of one theme (`GESTALT_TERMINAL_THEME`).
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

_CUBE = (0, 95, 135, 175, 215, 255)
_CUBE_FROM, _GREY_FROM, COLOURS = 16, 232, 256


class Look(StrEnum):
    """Which of the two themes."""

    DARK = "dark"
    LIGHT = "light"


class Theme(Struct, frozen=True):
    """Colours as 0xRRGGBB; `ansi` are the first sixteen of the palette."""

    foreground: int
    background: int
    cursor: int
    selection: int
    ansi: tuple[int, ...]

    def indexed(self, index: int) -> int | None:
        """A colour of the palette of 256."""
        if not 0 <= index < COLOURS:
            return None
        if index < _CUBE_FROM:
            return self.ansi[index]
        if index >= _GREY_FROM:
            level = 8 + 10 * (index - _GREY_FROM)
            return level << 16 | level << 8 | level
        rest = index - _CUBE_FROM
        return _CUBE[rest // 36] << 16 | _CUBE[rest // 6 % 6] << 8 | _CUBE[rest % 6]

    def dynamic(self, number: int) -> int | None:
        """The colour that OSC `number` (10 to 19) names; None for those of Tektronix graphics."""
        of = {11: self.background, 12: self.cursor, 14: self.background, 17: self.selection}
        return of.get(number, self.foreground if number in {10, 13, 19} else None)


THEMES = {
    Look.DARK: Theme(
        foreground=0xD7DAE4,
        background=0x0F1117,
        cursor=0xAAB3FF,
        selection=0x39415F,
        ansi=(
            *(0x3A4057, 0xF2777F, 0x7FD29A, 0xE6C07B, 0x7FA8FF, 0xCF9BF0, 0x6FCBD6, 0xC3C8D6),
            *(0x727A96, 0xFF959C, 0x9BE8B4, 0xF5D696, 0xA3C1FF, 0xE0B8FF, 0x93E3EC, 0xF3F5FB),
        ),
    ),
    Look.LIGHT: Theme(
        foreground=0x24283A,
        background=0xFCFCFE,
        cursor=0x3D49C4,
        selection=0xC9D2FF,
        ansi=(
            *(0x24283A, 0xB3202D, 0x1A7038, 0x8A5A00, 0x2450C8, 0x8A2FB5, 0x0B6B78, 0x5F6579),
            *(0x555C75, 0xC93642, 0x21813F, 0x956300, 0x3563DF, 0x9C45C6, 0x147985, 0x3C4156),
        ),
    ),
}
