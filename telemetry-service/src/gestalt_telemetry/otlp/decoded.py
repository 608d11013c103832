"""What a decoder hands on, and what both decoders decide alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from msgspec import Struct

from gestalt_telemetry.otlp.values import Malformed
from gestalt_telemetry.records import Batch

T = TypeVar("T")
TRACE_BYTES, SPAN_BYTES = 16, 8
LARGEST_TIME = (1 << 64) - 1


class Decoded(Struct):
    """The records of one request, and how many of it were refused, why last (OTLP's partial success)."""

    batches: list[Batch] = []
    rejected: int = 0
    reason: str = ""

    def take(self, convert: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        """Those that can be converted; the others are counted."""
        taken = []
        for item in items:
            try:
                taken.append(convert(item))
            except Malformed as error:
                self.rejected += 1
                self.reason = str(error)
        return taken


def trace_id(given: bytes) -> bytes:
    """A trace id, or nothing when it is none: of the wrong length, or all zeros."""
    return given if len(given) == TRACE_BYTES and any(given) else b""


def span_id(given: bytes) -> bytes:
    """A span id, or nothing when it is none."""
    return given if len(given) == SPAN_BYTES and any(given) else b""


def required(given: bytes, what: str) -> bytes:
    """An id that a span cannot be without. Raises Malformed."""
    if not given:
        raise Malformed(f"a span without a valid {what}")
    return given
