"""Which triggers an event fires, and why not the others (reference, flow §6). Pure.

An index by event type and one equality keeps a thousand triggers cheap: only those that may match are looked at.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from msgspec import UNSET, Struct

from gestalt_flow.conditions import Check, Verdict, compiled
from gestalt_flow.model import Fields, Flow
from gestalt_flow.validation import absence_of

SESSION_KEYS = frozenset({"session.id", "session_id"})
_NUMBERED = re.compile(r" \d+\Z", re.ASCII)


class Where(Struct, frozen=True):
    """One entry of `where`: `wanted` is folded; `*` accepts everything."""

    key: str
    expected: str
    wanted: str
    anything: bool

    def judge(self, fields: Fields) -> Verdict:
        """Its verdict on an event."""
        actual = fields.get(self.key)
        return Verdict(self.key, "where", self.expected, actual, self._holds(actual))

    def _holds(self, actual: str | None) -> bool:
        if self.anything:
            return True
        if actual is None:
            return False
        return _same_session(self.wanted, actual.casefold()) if self.key in SESSION_KEYS else self._equal(actual)

    def _equal(self, actual: str) -> bool:
        return actual.casefold() == self.wanted


def _same_session(wanted: str, actual: str) -> bool:
    """`coder` means every numbered session of that name; `coder 1` that one; empty any."""
    if not wanted or actual == wanted:
        return True
    if _NUMBERED.search(wanted):
        return False
    return actual.startswith(wanted) and _NUMBERED.fullmatch(actual[len(wanted) :]) is not None


class Matcher(Struct, frozen=True):
    """A flow, made ready to be asked."""

    flow: Flow
    place: int
    event_type: str
    wheres: tuple[Where, ...]
    checks: tuple[Check, ...]

    def verdicts(self, fields: Fields) -> list[Verdict]:
        """The verdict of every condition, the event type's first."""
        kind = fields.get("type", "")
        first = Verdict("type", "where", self.flow.trigger.event_type, kind, kind.casefold() == self.event_type)
        return [first, *(where.judge(fields) for where in self.wheres), *(check.judge(fields) for check in self.checks)]

    def matches(self, fields: Fields) -> bool:
        """Whether all hold, the type being known to."""
        return all(where.judge(fields).matched for where in self.wheres) and all(
            check.judge(fields).matched for check in self.checks
        )


def matcher_of(flow: Flow, place: int) -> Matcher:
    """Raises BadConditions for a `match` that validation would refuse."""
    trigger = flow.trigger
    wheres = tuple(_where(key, value) for key, value in (trigger.where or {}).items())
    checks = tuple(compiled(trigger.match)) if trigger.match is not UNSET else ()
    return Matcher(flow, place, trigger.event_type.casefold(), wheres, checks)


def _where(key: str, value: str) -> Where:
    return Where(key.strip().lower(), value, value.casefold(), value.strip() == "*")


Bucket = dict[tuple[str, str], list[Matcher]]


class Index:
    """All enabled flows, by what an event must at least have."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self.all = [matcher_of(flow, place) for place, flow in enumerate(flows)]
        self._open: dict[str, list[Matcher]] = defaultdict(list)
        self._endings: dict[str, list[Matcher]] = defaultdict(list)
        self._counts: Counter[str] = Counter()
        self._keyed: dict[str, dict[str, dict[str, list[Matcher]]]] = defaultdict(lambda: defaultdict(dict))
        for matcher in self.all:
            if matcher.flow.trigger.is_enabled:
                self._file(matcher)

    def _file(self, matcher: Matcher) -> None:
        self._counts[matcher.event_type] += 1
        if matcher.flow.trigger.absence is not UNSET:
            for kind in absence_of(matcher.flow.trigger.absence)[1]:
                self._endings[kind].append(matcher)
        exact = next((w for w in matcher.wheres if not w.anything and w.key not in SESSION_KEYS), None)
        if exact is None:
            self._open[matcher.event_type].append(matcher)
        else:
            self._keyed[matcher.event_type][exact.key].setdefault(exact.wanted, []).append(matcher)

    def of_type(self, kind: str) -> list[Matcher]:
        """Every enabled flow that an event of this type may fire, in order."""
        folded = kind.casefold()
        keyed = [
            matcher for values in self._keyed.get(folded, {}).values() for found in values.values() for matcher in found
        ]
        return sorted([*self._open.get(folded, []), *keyed], key=_place)

    def count_of(self, kind: str) -> int:
        """How many enabled flows an event of this type may fire."""
        return self._counts[kind.casefold()]

    def ended_by(self, fields: Fields) -> list[Matcher]:
        """The flows whose wait for an absence this event ends."""
        return self._endings.get(fields.get("type", "").casefold(), [])

    def matching(self, fields: Fields) -> list[Matcher]:
        """The flows that an event fires, in order."""
        folded = fields.get("type", "").casefold()
        candidates = list(self._open.get(folded, ()))
        for key, values in self._keyed.get(folded, {}).items():
            actual = fields.get(key)
            if actual is not None:
                candidates += values.get(actual.casefold(), ())
        return sorted((found for found in candidates if found.matches(fields)), key=_place)


def _place(matcher: Matcher) -> int:
    return matcher.place
