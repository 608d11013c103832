"""Tokens and cost of each session, from the metrics that agents emit: Claude Code, Codex, the GenAI conventions.

Cumulative sums are counted by their highest value of each start, deltas are added up; the same data point exported
twice counts once. One agent that emits under two names is counted by the first family that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct, field

from gestalt_telemetry.otlp.values import Attributes
from gestalt_telemetry.queries.series import Point
from gestalt_telemetry.store.rows import SESSION_KEYS, UID_KEYS, first_text

KINDS = ("input", "output", "cache_read", "cache_creation", "reasoning")
_WORDS = {
    "input": "input",
    "output": "output",
    "cacheread": "cache_read",
    "cachedinput": "cache_read",
    "cached": "cache_read",
    "cachecreation": "cache_creation",
    "reasoning": "reasoning",
    "reasoningoutput": "reasoning",
}


class Family(Struct, frozen=True):
    """How one kind of agent names its metrics, and the attribute that says which tokens."""

    name: str
    tokens: str
    kind: str
    cost: str = ""


FAMILIES = (
    Family("claude_code", "claude_code.token.usage", "type", "claude_code.cost.usage"),
    Family("codex", "codex.turn.token_usage", "token_type"),
    Family("gen_ai", "gen_ai.client.token.usage", "gen_ai.token.type"),
)

PointsOf = Callable[[str], Iterable[Point]]
"""The data points of a metric, by its name."""

Key = tuple[str, str]
"""Session id and uid, as far as they are known."""


class Tally(Struct):
    """What one session used, by kind; what nobody told is missing."""

    tokens: dict[str, int] = field(default_factory=dict)
    cost: float | None = None
    family: str = ""


def usage(points_of: PointsOf) -> list[dict[str, Any]]:
    """`{session_id, session_uid, source, input_tokens, …, cost_usd}` of each session, by id; unknown is null."""
    tallies: dict[Key, Tally] = {}
    for family in FAMILIES:
        told = _tokens(points_of, family)
        for session, tokens in told.items():
            if session not in tallies:  # else it was told by another family already
                tallies[session] = Tally(tokens, None, family.name)
        for session, cost in _cost(points_of, family).items():
            tally = tallies.setdefault(session, Tally(family=family.name))
            tally.cost = cost if tally.family == family.name else tally.cost
    return [_shown(session, tallies[session]) for session in sorted(tallies)]


def _shown(session: Key, tally: Tally) -> dict[str, Any]:
    tokens = {f"{kind}_tokens": tally.tokens.get(kind) for kind in KINDS}
    known = {"session_id": session[0] or None, "session_uid": session[1] or None, "source": tally.family}
    return known | tokens | {"cost_usd": tally.cost}


def _tokens(points_of: PointsOf, family: Family) -> dict[Key, dict[str, int]]:
    found: dict[Key, dict[str, int]] = {}
    for (session, kind), value in totals(points_of(family.tokens), family.kind).items():
        if kind in KINDS:
            found.setdefault(session, {})[kind] = round(value)
    return found


def _cost(points_of: PointsOf, family: Family) -> dict[Key, float]:
    if not family.cost:
        return {}
    found: dict[Key, float] = {}
    for (session, _), value in totals(points_of(family.cost), "").items():
        found[session] = found.get(session, 0.0) + value
    return found


def totals(found: Iterable[Point], kind_key: str) -> dict[tuple[Key, str], float]:
    """What was counted for each session and kind."""
    cumulative: dict[tuple[Key, str, str, int, int], float] = {}
    deltas: dict[tuple[Key, str, str, int, int], float] = {}
    for point in found:
        session, kind = session_of(point), kind_of(point.attributes, kind_key)
        line = repr(sorted((*point.attributes.items(), *point.resource.items()), key=lambda pair: pair[0]))
        if point.cumulative:
            key = (session, kind, line, point.start, 0)
            cumulative[key] = max(cumulative.get(key, 0.0), point.value)
        else:
            deltas[session, kind, line, point.start, point.time] = point.value
    summed: dict[tuple[Key, str], float] = {}
    for key, value in (*cumulative.items(), *deltas.items()):
        summed[key[:2]] = summed.get(key[:2], 0.0) + value
    return summed


def session_of(point: Point) -> Key:
    """Whose point it is: what the resource says, which is ours; an agent's own session id is another thing."""
    session = first_text(SESSION_KEYS, point.resource, point.attributes) or ""
    return session, first_text(UID_KEYS, point.resource, point.attributes) or ""


def kind_of(attributes: Attributes, key: str) -> str:
    """Which tokens, in one spelling."""
    word = str(attributes.get(key, "")).lower().replace("_", "").replace("-", "")
    return _WORDS.get(word, word)
