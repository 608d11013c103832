"""Trace context between processes: W3C's `traceparent`, and the span that the running task is in. No SDK, no clock."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from msgspec import Struct

TRACEPARENT = "traceparent"
SAMPLED = 0x01
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


class TraceContext(Struct, frozen=True):
    """One span of one trace, ids in hex. `sampled`: whether who comes after tells its spans as well."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @property
    def traceparent(self) -> str:
        """The header that names it."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}"


def parsed(text: str | bytes | None) -> TraceContext | None:
    """The context of a `traceparent`; None without one, and for what is none (W3C Trace Context §3.2)."""
    given = text.decode("latin-1") if isinstance(text, bytes) else text
    found = _FORM.fullmatch(given) if given else None
    if found is None:
        return None
    version, trace_id, span_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest) or trace_id == _NO_TRACE or span_id == _NO_SPAN:
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & SAMPLED))


def new_trace_id() -> str:
    """A random trace id. Ids are names, no secrets."""
    return f"{random.getrandbits(128) or 1:032x}"


def new_span_id() -> str:
    """A random span id."""
    return f"{random.getrandbits(64) or 1:016x}"


_current: ContextVar[TraceContext | None] = ContextVar("gestalt_trace", default=None)


def current() -> TraceContext | None:
    """The span that the running task is in."""
    return _current.get()


def current_traceparent() -> str | None:
    """Its header, if it is told: what an event carries, so that what comes of it joins the trace."""
    context = _current.get()
    return context.traceparent if context is not None and context.sampled else None


@contextmanager
def inside(context: TraceContext | None) -> Iterator[None]:
    """Run the block in that span; tasks it starts are in it too."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
