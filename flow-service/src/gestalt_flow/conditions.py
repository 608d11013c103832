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
_LEAF_KEYS = {"field", "op", "value"}


class BadCondition(Exception):
    """What is wrong, and where: a path relative to the list."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.message = message


class Verdict(Struct, frozen=True, omit_defaults=True):
    """What one condition said. `actual` is None when the field is absent."""

    field: str
    op: str
    expected: Any
    actual: str | None
    matched: bool


class Check(Struct, frozen=True):
    """A compiled condition. `judge` gives its verdicts, the deciding one first."""

    judge: Callable[[Fields], Verdict]


def compiled(given: list[Any], path: str = "match") -> list[Check]:
    """The checks of a `match` list. Raises BadCondition."""
    budget = [MOST_CONDITIONS]
    return [_one(item, f"{path}[{number}]", DEEPEST, budget) for number, item in enumerate(given)]


def _one(item: Any, path: str, depth: int, budget: list[int]) -> Check:
    budget[0] -= 1
    if budget[0] < 0:
        raise BadCondition(path, f"match has more than {MOST_CONDITIONS} conditions")
    if not isinstance(item, dict):
        raise BadCondition(path, "a condition is an object with field, op and value")
    op = item.get("op", "eq")
    if op in GROUPS:
        return _group(item, op, path, depth, budget)
    if op not in LEAVES:
        raise BadCondition(f"{path}.op", f"unknown operator {op!r}; there are {', '.join((*LEAVES, *GROUPS))}")
    return _leaf(item, str(op), path)


def _group(item: dict[str, Any], op: str, path: str, depth: int, budget: list[int]) -> Check:
    parts = item.get("of")
    if not isinstance(parts, list) or not parts or set(item) - {"op", "of"}:
        raise BadCondition(path, f"{op} takes a list of conditions in `of`")
    if depth <= 1:
        raise BadCondition(path, f"conditions are nested deeper than {DEEPEST}")
    checks = [_one(part, f"{path}.of[{number}]", depth - 1, budget) for number, part in enumerate(parts)]
    return Check(lambda fields: _judged_group(op, [check.judge(fields) for check in checks]))


def _judged_group(op: str, verdicts: list[Verdict]) -> Verdict:
    held = [verdict.matched for verdict in verdicts]
    matched = {"any": any(held), "all": all(held), "not": not all(held)}[op]
    told = [
        {"field": verdict.field, "op": verdict.op, "expected": verdict.expected, "matched": verdict.matched}
        for verdict in verdicts
    ]
    return Verdict("", op, told, None, matched)


def _leaf(item: dict[str, Any], op: str, path: str) -> Check:
    unknown = set(item) - _LEAF_KEYS
    if unknown:
        raise BadCondition(path, f"unknown key {min(unknown)!r} in a condition")
    field = item.get("field")
    if not isinstance(field, str) or not field.strip():
        raise BadCondition(f"{path}.field", "a condition names a field")
    key, value = field.strip().lower(), item.get("value")
    test = _TESTS[op](value, f"{path}.value")
    return Check(lambda fields: _judged(fields.get(key), key, op, value, test))


def _judged(actual: str | None, key: str, op: str, value: Any, test: Callable[[str | None], bool]) -> Verdict:
    return Verdict(key, op, value, actual, test(actual))


Test = Callable[[str | None], bool]


def _equal(value: Any, path: str) -> Test:
    wanted = _scalar(value, path)
    return lambda actual: actual is not None and actual.casefold() == wanted


def _unequal(value: Any, path: str) -> Test:
    wanted = _scalar(value, path)
    return lambda actual: actual is None or actual.casefold() != wanted


def _among(value: Any, path: str) -> Test:
    if not isinstance(value, list) or not value:
        raise BadCondition(path, "in takes a list of values")
    wanted = frozenset(_scalar(item, path) for item in value)
    return lambda actual: actual is not None and actual.casefold() in wanted


def _glob(value: Any, path: str) -> Test:
    pattern = fnmatch.translate(_pattern(value, path, "glob"))
    matches = _compiled(pattern, path).fullmatch
    return lambda actual: actual is not None and matches(actual) is not None


def _regex(value: Any, path: str) -> Test:
    matches = _compiled(_pattern(value, path, "regex"), path).search
    return lambda actual: actual is not None and matches(actual) is not None


def _exists(value: Any, path: str) -> Test:
    if value is not None and not isinstance(value, bool):
        raise BadCondition(path, "exists takes true or false")
    wanted = value is not False
    return lambda actual: (actual is not None) == wanted


def _more(value: Any, path: str) -> Test:
    bound = _number(value, path)
    return lambda actual: (number := _as_number(actual)) is not None and number > bound


def _less(value: Any, path: str) -> Test:
    bound = _number(value, path)
    return lambda actual: (number := _as_number(actual)) is not None and number < bound


_TESTS: dict[str, Callable[[Any, str], Test]] = {
    "eq": _equal,
    "ne": _unequal,
    "in": _among,
    "glob": _glob,
    "regex": _regex,
    "exists": _exists,
    "gt": _more,
    "lt": _less,
}


def _scalar(value: Any, path: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value).casefold()
    raise BadCondition(path, "the value must be a string, a number or a boolean")


def _pattern(value: Any, path: str, op: str) -> str:
    if not isinstance(value, str) or not value:
        raise BadCondition(path, f"{op} takes a pattern")
    if len(value) > LONGEST_PATTERN:
        raise BadCondition(path, f"the pattern is longer than {LONGEST_PATTERN} characters")
    return value


def _compiled(pattern: str, path: str) -> Any:
    options = re2.Options()
    options.max_mem = REGEX_MEMORY
    options.log_errors = False
    try:
        return re2.compile(re.sub(r"\(\?>|\\Z$", _re2_word, pattern), options)
    except re2.error as error:
        reason = error.args[0] if error.args else "it cannot be read"
        told = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise BadCondition(path, f"not a pattern: {told}") from None


def _re2_word(match: re.Match[str]) -> str:
    """What fnmatch writes in Python's dialect, in RE2's."""
    return "(?:" if match[0] == "(?>" else r"\z"


def _number(value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadCondition(path, "the value must be a number")
    return float(value)


def _as_number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
