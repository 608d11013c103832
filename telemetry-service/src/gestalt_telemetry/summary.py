"""Requests of the last hour, summed up (reference, telemetry §3). Pure: times are given."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

WINDOW_SECONDS = 3_600
MOST_SAMPLES = 200_000
"""Times of requests kept for percentiles: beyond it the oldest leave early, which the counts say."""

TOP = 10
FAILED = 400
PERCENT = 99
CATEGORIES = (
    ("/api/status", "status"),
    ("/api/metrics", "status"),
    ("/api/git", "status"),
    ("/api/otel/logs", "logs"),
    ("/api/logs", "logs"),
    ("/v1/logs", "logs"),
    ("/api/otel/traces", "traces"),
    ("/v1/traces", "traces"),
    ("/api/otel", "metrics"),
    ("/v1/metrics", "metrics"),
    ("/api/agents", "agents"),
    ("/api/skills", "skills"),
    ("/api/sessions", "sessions"),
    ("/api/workers", "sessions"),
    ("/api/plans", "plan"),
    ("/api/flow", "flow"),
    ("/api/auth", "auth"),
)


class Answered(Struct, frozen=True):
    """Requests that were answered alike, at about `time` (Unix seconds)."""

    time: float
    route: str
    status: int
    agent: str
    seconds: list[float]


def category_of(route: str) -> str:
    """What a route is about."""
    return next((name for prefix, name in CATEGORIES if route.startswith(prefix)), "unknown")


def percentile(values: list[float], percent: int = PERCENT) -> float:
    """The smallest value that so many percent are not above."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


class Summary:
    """A sliding hour of requests."""

    def __init__(self) -> None:
        self._answered: deque[Answered] = deque()
        self._samples = 0

    def add(self, one: Answered) -> None:
        """Count requests; they are told in about the order of their time."""
        self._answered.append(one)
        self._samples += len(one.seconds)
        while self._samples > MOST_SAMPLES:
            self._samples -= len(self._answered.popleft().seconds)

    def told(self, now: float, moment: str) -> dict[str, Any]:
        """The summary as of `now` (Unix seconds), which is written `moment`."""
        while self._answered and self._answered[0].time < now - WINDOW_SECONDS:
            self._samples -= len(self._answered.popleft().seconds)
        by_route: dict[str, list[float]] = {}
        for one in self._answered:
            by_route.setdefault(_shown(one.route), []).extend(one.seconds)
        return {
            "updated_at": moment,
            "window_seconds": WINDOW_SECONDS,
            "top_endpoints": _top(Counter({route: len(found) for route, found in by_route.items()}), "route"),
            "slowest_endpoints": _slowest(by_route),
            "top_agents": _top(self._agents(), "name"),
            "error_rates": _error_rates(self._answered),
        }

    def _agents(self) -> Counter[str]:
        agents: Counter[str] = Counter()
        for one in self._answered:
            if one.agent:
                agents[one.agent] += len(one.seconds)
        return agents


def _shown(route: str) -> str:
    """Placeholders as the reference writes them: `/api/sessions/:id`."""
    return route.replace("{", ":").replace("}", "")


def _top(counts: Counter[str], key: str) -> list[dict[str, Any]]:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:TOP]
    return [{key: name, "count": count} for name, count in ordered]


def _slowest(by_route: dict[str, list[float]]) -> list[dict[str, Any]]:
    slow = sorted(((percentile(found), route) for route, found in by_route.items()), key=lambda one: (-one[0], one[1]))
    return [{"route": route, "p99_seconds": p99, "count": len(by_route[route])} for p99, route in slow[:TOP]]


def _error_rates(answered: Iterable[Answered]) -> list[dict[str, Any]]:
    total: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for one in answered:
        category = category_of(one.route)
        total[category] += len(one.seconds)
        errors[category] += len(one.seconds) if one.status >= FAILED else 0
    rates = [
        {"category": name, "total": count, "errors": errors[name], "error_rate_pct": 100 * errors[name] / count}
        for name, count in total.items()
    ]
    return sorted(rates, key=lambda rate: (-float(rate["error_rate_pct"]), str(rate["category"])))
