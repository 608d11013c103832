"""Logs, spans and usage as people read them, and how far back they ask. Pure: the moment is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from gestalt_cli.errors import CommandFailed
from gestalt_cli.table import cell
from gestalt_contracts.durations import seconds

Json = Mapping[str, Any]
NS = 1_000_000_000
HIDDEN = frozenset({"gestalt.source", "gestalt.service", "gestalt.replay_window"})
TRACES = ("start", "duration", "status", "service", "name", "spans", "trace_id")
USAGE = ("session_id", "source", "input", "output", "cache_read", "cache_creation", "reasoning", "cost_usd")


def since(text: str, now: datetime) -> str:
    """A duration back from now (`15m`), or a moment as it was given. Raises CommandFailed for what is neither."""
    if not text or "T" in text:
        return text
    try:
        return (now - timedelta(seconds=seconds(text))).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        raise CommandFailed(
            f"--since is a duration like 15m, or a moment like 2026-01-31T10:00:00Z, not {text!r}"
        ) from None


def path_of(route: str, **query: object) -> str:
    """The route with those parameters that were given."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    return f"{route}?{urlencode(given)}" if given else route


def log_line(record: Json) -> str:
    """A log record: when, how bad, who, what, and the rest as key=value."""
    who = _attribute(record.get("resource", {}), "service.name")
    rest = " ".join(
        f"{one['key']}={_value(one['value'])}" for one in record.get("attributes", ()) if one["key"] not in HIDDEN
    )
    level = str(record.get("severityText") or "").upper()
    time = record.get("timeUnixNano") or record.get("observedTimeUnixNano") or "0"
    return cell(f"{moment(int(time))} {level} {who} {_value(record.get('body') or {})} {rest}")


def traces(spans: Iterable[Json]) -> Iterator[dict[str, Any]]:
    """A row for each trace among the spans: its first span, how many there are, and whether one failed."""
    by_trace: dict[str, list[Json]] = {}
    for span in spans:
        by_trace.setdefault(str(span["trace_id"]), []).append(span)
    for trace_id, found in by_trace.items():
        first = min(found, key=lambda span: int(span["startTimeUnixNano"] or 0))
        failed = any(span["status"] == "error" for span in found)
        yield {**_row(first), "spans": len(found), "status": "error" if failed else "ok", "trace_id": trace_id}


def tree(spans: Iterable[Json], depth: int = 0) -> Iterator[str]:
    """A trace as lines: each span below the one that it is a part of."""
    for span in spans:
        row = _row(span)
        failed = f"  error: {cell(span.get('status_message'))}" if span["status"] == "error" else ""
        yield f"{row['duration']:>10}  {'  ' * depth}{cell(row['service'])} {cell(row['name'])}{failed}"
        yield from tree(span["children"], depth + 1)


def usage(found: Iterable[Json]) -> Iterator[dict[str, Any]]:
    """A row for each session; what nobody told stays empty."""
    for one in found:
        tokens = {kind: one.get(f"{kind}_tokens") for kind in USAGE[2:7]}
        cost = one.get("cost_usd")
        shown = {"session_id": one.get("session_id") or one.get("session_uid"), "source": one.get("source")}
        yield {**shown, **tokens, "cost_usd": None if cost is None else f"{cost:.4f}"}


def moment(nanoseconds: int) -> str:
    """RFC 3339, UTC, to the millisecond."""
    whole, rest = divmod(nanoseconds, NS)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


def _row(span: Json) -> dict[str, Any]:
    took = span.get("duration_ms")
    return {
        "start": moment(int(span["startTimeUnixNano"] or 0)),
        "duration": "" if took is None else f"{took:.1f} ms",
        "service": span.get("service_name", ""),
        "name": span.get("name", ""),
    }


def _attribute(holder: Json, key: str) -> str:
    return next((str(_value(one["value"])) for one in holder.get("attributes", ()) if one["key"] == key), "")


def _value(value: Json) -> object:
    """OTLP's value: its one member, whatever its kind."""
    return next(iter(value.values()), "")
