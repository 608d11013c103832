"""Severities: text and number made whole, and the four levels that filters know. Pure."""

from __future__ import annotations

LEVELS = ("debug", "info", "warning", "error")
"""From the least; a level's place here is what is stored."""
NUMBERS = {"debug": 5, "info": 9, "warning": 13, "error": 17}
_NAMES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_WARNING, _ERROR, _INFO = 13, 17, 9
_FIRST, _LAST, _STEPS = 1, 24, 4
_BY_TEXT = {
    "trace": 0,
    "debug": 0,
    "info": 1,
    "information": 1,
    "notice": 1,
    "warn": 2,
    "warning": 2,
    "err": 3,
    "error": 3,
    "critical": 3,
    "fatal": 3,
}


def level_named(text: str) -> int | None:
    """The level a filter names (`warn` is `warning`), as its place in LEVELS; None for what is none."""
    word = text.strip().lower()
    word = "warning" if word == "warn" else word
    return LEVELS.index(word) if word in LEVELS else None


def level_of(text: str, number: int) -> int:
    """The level of a record: its text if it is a known name, else its number, else info."""
    known = _BY_TEXT.get(text.strip().lower()) if text else None
    if known is not None:
        return known
    return by_number(number) if number > 0 else 1


def by_number(number: int) -> int:
    """The level of a severity number."""
    return 3 if number >= _ERROR else 2 if number >= _WARNING else 1 if number >= _INFO else 0


def resolved(text: str, number: int | None) -> tuple[str, int]:
    """Text and number of a simple entry, each made from the other where it is missing (reference, telemetry §5)."""
    if number is not None and number < 0:
        return text, 0
    if not number:
        return (text, _number_of(text)) if text else ("info", NUMBERS["info"])
    return (text or name_of(number)), number


def _number_of(text: str) -> int:
    word = text.lower()
    if word.startswith(("debug", "trace")):
        return NUMBERS["debug"]
    if word.startswith("warn"):
        return NUMBERS["warning"]
    return NUMBERS["error"] if word.startswith(("err", "fatal")) else NUMBERS["info"]


def name_of(number: int) -> str:
    """OpenTelemetry's name of a number: `WARN2` for 14."""
    if not _FIRST <= number <= _LAST:
        return f"Severity({number})"
    name, step = _NAMES[(number - 1) // _STEPS], (number - 1) % _STEPS
    return name if step == 0 else f"{name}{step + 1}"
