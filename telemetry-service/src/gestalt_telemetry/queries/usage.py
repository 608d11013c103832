"""Tokens and cost of each session, from the metrics that agents emit: Claude Code, Codex, the GenAI conventions.

What was counted is added up as in a series: each data point by what it adds, once, however often it was exported. One
agent that emits under two names is counted by the first family that tells it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from gestalt_telemetry.otlp.values import Attributes
from gestalt_telemetry.queries.gains import Gains
from gestalt_telemetry.queries.points import Point, reach
from gestalt_telemetry.queries.series import within
from gestalt_telemetry.queries.timed import Wanted
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

COUNTED = {name.lower(): family for family in FAMILIES for name in (family.tokens, family.cost) if name}
"""Every metric that is looked at, in lower case."""

Key = tuple[str, str]
"""Session id and uid, as far as they are known."""


class Told(Struct):
    """What one family tells of one session; what it does not is missing."""

    tokens: dict[str, float] = field(default_factory=dict)
    cost: float | None = None


class Usage:
    """Counts points that are given in the order of their export."""

    def __init__(self, since: int | None, until: int | None) -> None:
        self._wanted = Wanted(since=since, until=until)
        self._gains = Gains(reach(self._wanted).since)
        self._told: dict[Key, dict[str, Told]] = {}

    def add(self, points: Iterable[Point]) -> None:
        """Points more, of any metric."""
        for point in points:
            family = COUNTED.get(point.metric.lower())
            gain = self._gains.of(point) if family is not None else None
            if family is not None and gain is not None and within(point, self._wanted):
                told = self._told.setdefault(session_of(point), {}).setdefault(family.name, Told())
                _count(told, family, point, gain.value)

    def sessions(self) -> list[dict[str, Any]]:
        """`{session_id, session_uid, source, cost_source, input_tokens, …, cost_usd}` of each, by id; unknown is null.

        Tokens are those of one family, whole, and so is the cost: two families may tell of the same turns.
        """
        return [_shown(session, self._told[session]) for session in sorted(self._told)]


def _count(told: Told, family: Family, point: Point, value: float) -> None:
    if point.metric.lower() == family.cost.lower():
        told.cost = (told.cost or 0.0) + value
        return
    kind = kind_of(point.attributes, family.kind)
    if kind in KINDS:
        told.tokens[kind] = told.tokens.get(kind, 0.0) + value


def _shown(session: Key, told: dict[str, Told]) -> dict[str, Any]:
    of_tokens = next((family.name for family in FAMILIES if family.name in told and told[family.name].tokens), None)
    of_cost = next(
        (family.name for family in FAMILIES if family.name in told and told[family.name].cost is not None), None
    )
    tokens = told[of_tokens].tokens if of_tokens else {}
    return {
        "session_id": session[0] or None,
        "session_uid": session[1] or None,
        "source": of_tokens or of_cost,
        "cost_source": of_cost,
        **{f"{kind}_tokens": round(tokens[kind]) if kind in tokens else None for kind in KINDS},
        "cost_usd": told[of_cost].cost if of_cost else None,
    }


def session_of(point: Point) -> Key:
    """Whose point it is: what the resource says, which is ours; an agent's own session id is another thing."""
    session = first_text(SESSION_KEYS, point.resource, point.attributes) or ""
    return session, first_text(UID_KEYS, point.resource, point.attributes) or ""


def kind_of(attributes: Attributes, key: str) -> str:
    """Which tokens, in one spelling."""
    word = str(attributes.get(key, "")).lower().replace("_", "").replace("-", "")
    return _WORDS.get(word, word)
