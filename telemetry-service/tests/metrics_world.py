"""Metrics as programs export them, as OTLP's JSON."""

from __future__ import annotations

import json
from typing import Any

from telemetry_world import JSON, World

T0 = 1_772_356_500
"""2026-03-01T09:15:00Z, Unix seconds: what tests count seconds from."""


def attributes(**named: object) -> list[dict[str, Any]]:
    """Attributes that are text; `__` in a name is a dot."""
    return [{"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in named.items()]


def points(*values: tuple[int, float], start: int = 0, **named: str) -> list[dict[str, Any]]:
    """Data points, each (seconds after T0, value), that count since `start` (Unix ns)."""
    return [
        {
            "timeUnixNano": at(second),
            "startTimeUnixNano": str(start),
            "asDouble": value,
            "attributes": attributes(**named),
        }
        for second, value in values
    ]


def at(second: int) -> str:
    """A moment, as OTLP's JSON writes it."""
    return str((T0 + second) * 10**9)


def begun(second: int) -> int:
    """A start."""
    return int(at(second))


def total(name: str, *data: dict[str, Any], temporality: int = 2) -> dict[str, Any]:
    """A sum that only goes up."""
    return {
        "name": name,
        "sum": {"dataPoints": list(data), "aggregationTemporality": temporality, "isMonotonic": True},
    }


def histogram(name: str, *data: dict[str, Any], temporality: int = 2) -> dict[str, Any]:
    """A histogram."""
    return {"name": name, "histogram": {"dataPoints": list(data), "aggregationTemporality": temporality}}


async def export(world: World, *metrics: dict[str, Any], **resource: str) -> None:
    """Send metrics of one resource."""
    group = {"resource": {"attributes": attributes(**resource)}, "scopeMetrics": [{"metrics": list(metrics)}]}
    answer = await world.send("metrics", json.dumps({"resourceMetrics": [group]}).encode(), JSON)
    assert (answer.status_code, answer.json()) == (200, {})
