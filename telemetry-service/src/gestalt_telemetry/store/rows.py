"""Records as rows: what is pulled out into columns, and the text that is searched. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from gestalt_telemetry.otlp.values import LARGEST_INT, Attributes, text
from gestalt_telemetry.records import Log, Metric, Origin, Span
from gestalt_telemetry.severity import level_of

MINUTE_NS = 60_000_000_000
SESSION_KEYS = ("session.id", "session_id")
UID_KEYS = ("session.uid", "session_uid")
UID_CHARACTERS = 36
MOST_SEARCHED = 65_536
"""Characters of a record that are searched: a body of a megabyte is not indexed whole."""

Row = tuple[Any, ...]
_pack = msgspec.msgpack.Encoder().encode
pack = _pack
_log = msgspec.msgpack.Decoder(Log)
_span = msgspec.msgpack.Decoder(Span)
_origin = msgspec.msgpack.Decoder(Origin)


def unpack_log(data: bytes) -> Log:
    """The record of a row."""
    return _log.decode(data)


def unpack_span(data: bytes) -> Span:
    """The record of a row."""
    return _span.decode(data)


def unpack_origin(data: bytes) -> Origin:
    """The origin of a row."""
    return _origin.decode(data)


def clamped(time: int) -> int:
    """A time as SQLite's signed integer."""
    return min(time, LARGEST_INT)


def first_text(keys: tuple[str, ...], *among: Attributes) -> str | None:
    """The first of `keys` that is text in one of the attributes."""
    for attributes in among:
        for key in keys:
            found = attributes.get(key)
            if found and isinstance(found, str):
                return found
    return None


def searched(log: Log) -> str:
    """The case-folded text of a record that queries look into: its body, and its attributes, one a line."""
    body = log.body
    lines = [body if body.__class__ is str else text(body)]
    for key, value in log.attributes.items():  # one string operation for each of the usual kinds: this runs often
        kind = value.__class__
        lines.append(f"{key}={value}" if kind is str or kind is int or kind is float else f"{key}={text(value)}")
    return "\n".join(lines).casefold()[:MOST_SEARCHED]


def for_index(text: str) -> str:
    """A text as the index has it, which ends at a NUL: what it finds is checked against the text itself."""
    return text.replace("\0", " ")


def sessions_of(*among: Attributes) -> tuple[str | None, str | None]:
    """The session's id and uid. An id that looks like a uid can be asked for as one."""
    session, uid = first_text(SESSION_KEYS, *among), first_text(UID_KEYS, *among)
    return session, uid or (session if session is not None and len(session) == UID_CHARACTERS else None)


def log_row(id_: int, log: Log, arrival: int, origin: int, resource: Attributes) -> Row:
    """A row of `logs`. `arrival`: Unix ms."""
    attributes = log.attributes
    if not log.observed:
        log.observed = arrival * 1_000_000
    time = log.time or log.observed
    return (
        id_,
        min(time, LARGEST_INT),
        arrival,
        level_of(log.text, log.number),
        origin,
        *sessions_of(attributes, resource),
        log.trace_id or None,
        _pack(log),
    )


def span_row(span: Span, arrival: int, origin: int, resource: Attributes) -> Row:
    """A row of `spans`, without its id."""
    attributes = span.attributes
    return (
        clamped(span.start),
        arrival,
        origin,
        *sessions_of(attributes, resource),
        span.trace_id,
        span.name.strip(),
        _pack(span),
    )


def metric_row(metric: Metric, arrival: int, origin: int, resource: Attributes) -> Row:
    """A row of `metrics`, without its id."""
    return (
        clamped(metric.time),
        arrival,
        origin,
        *sessions_of(resource),
        metric.name,
        msgspec.json.encode(metric.json),
    )
