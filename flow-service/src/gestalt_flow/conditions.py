"""Conditions beyond equality: a list of checks on fields, all of which must hold.

One check: `{field, op, value}` with op `eq, ne, in, glob, regex, exists, gt, lt`; groups: `{op: any|all, of: […]}` and
`{op: not, of: […]}`. Regular expressions run in linear time (RE2): no pattern can stall the engine.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable
from typing import Any

import re2  # type: ignore[import-untyped]  # its stubs are a package of their own, far behind it
from msgspec import Struct

from gestalt_flow.model import Fields

LONGEST_PATTERN = 1_000
MOST_CONDITIONS = 100
DEEPEST = 8
REGEX_MEMORY = 1 << 20  # bytes one compiled pattern may take; a{1000}{1000} takes more and is refused
GROUPS = ("any", "all", "not")
LEAVES = ("eq", "ne", "in", "glob", "regex", "exists", "gt", "lt")


class Fault(Struct, frozen=True):
    """What is wrong, and where: a path relative to the list."""

    path: str
    message: str


class BadConditions(Exception):
    """A list that cannot be used, with everything that is wrong with it, in its order."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(f"{fault.path}: {fault.message}" for fault in faults))
        self.faults = faults


class Verdict(Struct, frozen=True, omit_defaults=True):
    """What one condition said. `actual`: None when the field is absent. A group has none, but the verdicts `of` it."""

    field: str
    op: str
    expected: Any
    actual: str | None
    matched: bool
    of: tuple[Verdict, ...] = ()


class Check(Struct, frozen=True):
    """A compiled condition, ready to `judge` an event."""

    judge: Callable[[Fields], Verdict]


def compiled(given: list[Any], path: str = "match") -> list[Check]:
    """The checks of a `match` list. Raises BadConditions."""
    reader = _Reader()
    checks = [reader.one(item, f"{path}[{number}]", DEEPEST) for number, item in enumerate(given)]
    if reader.faults:
        raise BadConditions(reader.faults)
    return checks


def _never(_: Fields) -> Verdict:
    """What a condition with a fault says: its list is refused before anybody asks."""
    return Verdict("", "", None, None, matched=False)


_FAULTY = Check(_never)


class _Reader:
    """Compiles conditions one by one and keeps what is wrong with each."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._left = MOST_CONDITIONS

    def _wrong(self, path: str, message: str) -> Check:
        self.faults.append(Fault(path, message))
        return _FAULTY

    def one(self, item: Any, path: str, depth: int) -> Check:
        """The check of one condition, whatever is found in it."""
        self._left -= 1
        if self._left < 0:
            return self._too_many(path)
        if not isinstance(item, dict):
            return self._wrong(path, "a condition is an object with field, op and value")
        op = item.get("op", "eq")
        if op in GROUPS:
            return self._group(item, op, path, depth)
        if op not in LEAVES:
            return self._wrong(f"{path}.op", f"unknown operator {op!r}; there are {', '.join((*LEAVES, *GROUPS))}")
        return self._leaf(item, str(op), path)

    def _too_many(self, path: str) -> Check:
        """Told once, by the first that is too many."""
        return self._wrong(path, f"match has more than {MOST_CONDITIONS} conditions") if self._left == -1 else _FAULTY

    def _group(self, item: dict[str, Any], op: str, path: str, depth: int) -> Check:
        self._refuse_unknown(item, {"op", "of"}, path)
        parts = item.get("of")
        if not isinstance(parts, list) or not parts:
            return self._wrong(f"{path}.of", f"{op} takes a list of conditions in `of`")
        if depth <= 1:
            return self._wrong(path, f"conditions are nested deeper than {DEEPEST}")
        checks = [self.one(part, f"{path}.of[{number}]", depth - 1) for number, part in enumerate(parts)]
        return Check(lambda fields: _judged_group(op, tuple(check.judge(fields) for check in checks)))

    def _leaf(self, item: dict[str, Any], op: str, path: str) -> Check:
        self._refuse_unknown(item, {"field", "op", "value"}, path)
        field = item.get("field")
        if not isinstance(field, str) or not field.strip():
            self._wrong(f"{path}.field", "a condition names a field")
        try:
            test = _TESTS[op](item.get("value"))
        except _BadValue as error:
            return self._wrong(f"{path}.value", str(error))
        key, value = str(field).strip().lower(), item.get("value")
        return Check(lambda fields: _judged(fields.get(key), key, op, value, test))

    def _refuse_unknown(self, item: dict[str, Any], known: set[str], path: str) -> None:
        for key in item:
            if key not in known:
                self._wrong(f"{path}.{key}", f"unknown key {key!r} in a condition")


def _judged_group(op: str, verdicts: tuple[Verdict, ...]) -> Verdict:
    held = [verdict.matched for verdict in verdicts]
    matched = {"any": any(held), "all": all(held), "not": not all(held)}[op]
    return Verdict("", op, None, None, matched, verdicts)


def _judged(actual: str | None, key: str, op: str, value: Any, test: Callable[[str | None], bool]) -> Verdict:
    return Verdict(key, op, value, actual, test(actual))


Test = Callable[[str | None], bool]


class _BadValue(Exception):
    """An operator cannot take this value."""


def _equal(value: Any) -> Test:
    wanted = _scalar(value)
    return lambda actual: actual is not None and actual.casefold() == wanted


def _unequal(value: Any) -> Test:
    wanted = _scalar(value)
    return lambda actual: actual is None or actual.casefold() != wanted


def _among(value: Any) -> Test:
    if not isinstance(value, list) or not value:
        raise _BadValue("in takes a list of values")
    wanted = frozenset(_scalar(item) for item in value)
    return lambda actual: actual is not None and actual.casefold() in wanted


def _glob(value: Any) -> Test:
    pattern = fnmatch.translate(_pattern(value, "glob"))
    matches = _compiled(pattern).fullmatch
    return lambda actual: actual is not None and matches(actual) is not None


def _regex(value: Any) -> Test:
    matches = _compiled(_pattern(value, "regex")).search
    return lambda actual: actual is not None and matches(actual) is not None


def _exists(value: Any) -> Test:
    if value is not None and not isinstance(value, bool):
        raise _BadValue("exists takes true or false")
    wanted = value is not False
    return lambda actual: (actual is not None) == wanted


def _more(value: Any) -> Test:
    bound = _number(value)
    return lambda actual: (number := _as_number(actual)) is not None and number > bound


def _less(value: Any) -> Test:
    bound = _number(value)
    return lambda actual: (number := _as_number(actual)) is not None and number < bound


_TESTS: dict[str, Callable[[Any], Test]] = {
    "eq": _equal,
    "ne": _unequal,
    "in": _among,
    "glob": _glob,
    "regex": _regex,
    "exists": _exists,
    "gt": _more,
    "lt": _less,
}


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value).casefold()
    raise _BadValue("the value must be a string, a number or a boolean")


def _pattern(value: Any, op: str) -> str:
    if not isinstance(value, str) or not value:
        raise _BadValue(f"{op} takes a pattern")
    if len(value) > LONGEST_PATTERN:
        raise _BadValue(f"the pattern is longer than {LONGEST_PATTERN} characters")
    return value


def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = REGEX_MEMORY
    options.log_errors = False
    try:
        return re2.compile(re.sub(r"\(\?>|\\Z$", _re2_word, pattern), options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise _BadValue(f"not a pattern: {told}") from None


def _re2_word(match: re.Match[str]) -> str:
    """What fnmatch writes in Python's dialect, in RE2's."""
    return "(?:" if match[0] == "(?>" else r"\z"


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _BadValue("the value must be a number")
    return float(value)


def _as_number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
