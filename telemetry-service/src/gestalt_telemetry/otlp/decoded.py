"""What a decoder hands on, and what both decoders decide alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from msgspec import Struct

from gestalt_telemetry.otlp.values import Malformed
from gestalt_telemetry.records import Batch

T = TypeVar("T")
TRACE_BYTES, SPAN_BYTES = 16, 8
NO_ID = b"?"
LARGEST_TIME = (1 << 64) - 1


class Decoded(Struct):
    """The records of one request; how many of it were refused, and why last, or what was lost of those taken.

    The latter two are OTLP's partial success.
    """

    batches: list[Batch] = []
    rejected: int = 0
    reason: str = ""

    def take(self, convert: Callable[[Decoded, Any], T], items: Iterable[Any]) -> list[T]:
        """Those that can be converted; the others are counted."""
        taken = []
        for item in items:
            try:
                taken.append(convert(self, item))
            except Malformed as error:
                self.rejected += 1
                self.reason = str(error)
        return taken

    def warn(self, reason: str) -> None:
        """Something was lost of what was taken; a refusal is told before it."""
        self.reason = self.reason or reason

    def trace_id(self, given: bytes) -> bytes:
        """A trace id, or nothing when it is none: then the record belongs to no trace, which is told."""
        return self._id(given, TRACE_BYTES, "trace")

    def span_id(self, given: bytes) -> bytes:
        """A span id, or nothing when it is none."""
        return self._id(given, SPAN_BYTES, "span")

    def _id(self, given: bytes, length: int, what: str) -> bytes:
        """Zeros are how some say that there is none."""
        if len(given) == length:
            return given if any(given) else b""
        if given:
            self.warn(f"a {what} id that is none was dropped: it has {2 * length} hexadecimal digits, {length} bytes")
        return b""


def of_hex(text: str) -> bytes:
    """An id's bytes; for what is not hexadecimal some that are no id."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return NO_ID


def required(given: bytes, what: str) -> bytes:
    """An id that a span cannot be without. Raises Malformed."""
    if not given:
        raise Malformed(f"a span without a valid {what}")
    return given
