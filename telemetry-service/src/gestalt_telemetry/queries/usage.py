"""Tokens and cost of each session, from the metrics that agents emit: Claude Code, Codex, the GenAI conventions.

What was counted is added up as in a series: each data point by what it adds, once, however often it was exported. One
agent that emits under two names is counted by the first family that tells it.
"""

from __future__ import annotations

import math
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


class Tally(Struct):
    """Something that is counted; None until it is."""

    value: float | None = None

    def add(self, value: float) -> None:
        """So much more."""
        self.value = value + (self.value or 0.0)


class Told(Struct):
    """What one family tells of one session: tokens by kind, cost."""

    tokens: dict[str, Tally] = field(default_factory=dict)
    cost: Tally = field(default_factory=Tally)


class Usage:
    """Counts points that are given in the order of their export."""

    def __init__(self, since: int | None, until: int | None) -> None:
        self._wanted = Wanted(since=since, until=until)
        self._gains = Gains(reach(self._wanted).since)
        self._told: dict[Key, dict[str, Told]] = {}
        self._tallies: dict[bytes, Tally] = {}

    def add(self, points: Iterable[Point]) -> None:
        """Points more, of metrics in COUNTED."""
        for point in points:
            gain = self._gains.of(point)
            if gain is None or not math.isfinite(gain.value) or not within(point, self._wanted):
                continue
            tally = self._tallies.get(point.line)
            if tally is None:
                tally = self._tallies[point.line] = self._tally(point)
            tally.add(gain.value)

    def _tally(self, point: Point) -> Tally:
        """Where the points of one line are counted."""
        family = COUNTED[point.metric.lower()]
        told = self._told.setdefault(session_of(point), {}).setdefault(family.name, Told())
        if point.metric.lower() == family.cost.lower():
            return told.cost
        return told.tokens.setdefault(kind_of(point.attributes, family.kind), Tally())

    def sessions(self) -> list[dict[str, Any]]:
        """`{session_id, session_uid, source, cost_source, input_tokens, …, cost_usd}` of each, by id; unknown is null.

        Tokens are those of one family, whole, and so is the cost: two families may tell of the same turns.
        """
        shown = [_shown(session, self._told[session]) for session in sorted(self._told)]
        return [one for one in shown if one["source"]]


def _shown(session: Key, told: dict[str, Told]) -> dict[str, Any]:
    families = [family.name for family in FAMILIES if family.name in told]
    of_tokens = next((name for name in families if told[name].tokens.keys() & KINDS), None)
    of_cost = next((name for name in families if told[name].cost.value is not None), None)
    tokens = told[of_tokens].tokens if of_tokens else {}
    return {
        "session_id": session[0] or None,
        "session_uid": session[1] or None,
        "source": of_tokens or of_cost,
        "cost_source": of_cost,
        **{f"{kind}_tokens": round(tokens[kind].value or 0) if kind in tokens else None for kind in KINDS},
        "cost_usd": told[of_cost].cost.value if of_cost else None,
    }


def session_of(point: Point) -> Key:
    """Whose point it is: what the resource says, which is ours; an agent's own session id is another thing."""
    session = first_text(SESSION_KEYS, point.resource, point.attributes) or ""
    return session, first_text(UID_KEYS, point.resource, point.attributes) or ""


def kind_of(attributes: Attributes, key: str) -> str:
    """Which tokens, in one spelling."""
    word = str(attributes.get(key, "")).lower().replace("_", "").replace("-", "")
    return _WORDS.get(word, word)
