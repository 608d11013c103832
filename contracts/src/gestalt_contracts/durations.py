"""Durations as people write them in settings (contract §2)."""

from __future__ import annotations

import re

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.ASCII)


def seconds(text: str) -> float:
    """Seconds in `90`, `90s`, `15m`, `1h` or `7d`; decimals are allowed. Raises ValueError naming what came."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"a duration is a number of seconds, or a number with s, m, h or d, not {text!r}")
    number, unit = match.groups()
    return float(number) * _UNITS[unit]
