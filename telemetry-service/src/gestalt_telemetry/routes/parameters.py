"""Query parameters, alike on every route: blank is absent, of a repeated name the first counts."""

from __future__ import annotations

import re
from datetime import datetime

from starlette.requests import HTTPConnection

from gestalt_contracts.errors import InvalidRequest
from gestalt_telemetry.otlp.values import LARGEST_INT, SMALLEST_INT
from gestalt_telemetry.queries.logs import Wanted
from gestalt_telemetry.severity import level_named

DEFAULT_LIMIT, MOST = 200, 1_000
NS = 1_000_000_000
MOST_DIGITS = 19
TRACE_DIGITS = 32
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:\d\d)",
    re.ASCII,
)


class Parameters:
    """The query of one request. Each reader raises InvalidRequest for what it cannot read."""

    def __init__(self, request: HTTPConnection) -> None:
        self._values = dict(reversed(request.query_params.multi_items()))

    def text(self, name: str) -> str:
        """The value, trimmed; empty when absent."""
        return self._values.get(name, "").strip()

    def limit(self) -> int:
        """`limit`: 200 by default, 1000 at the most."""
        given = self.whole("limit")
        return DEFAULT_LIMIT if given is None else min(given, MOST)

    def whole(self, name: str) -> int | None:
        """A positive whole number; None when absent."""
        given = self.text(name)
        if not given:
            return None
        digits = given.removeprefix("+").lstrip("0")
        if not (digits.isascii() and digits.isdigit()):
            raise InvalidRequest(f"invalid {name}")
        return int(digits[:MOST_DIGITS]) if len(digits) < MOST_DIGITS else (1 << 63) - 1

    def time(self, name: str) -> int | None:
        """A moment, as Unix ns; None when absent."""
        given = self.text(name)
        return None if not given else nanoseconds(given)

    def level(self) -> int:
        """`level`: the least, as a place in LEVELS."""
        given = self.text("level")
        found = level_named(given) if given else 0
        if found is None:
            raise InvalidRequest("invalid level")
        return found

    def trace_id(self) -> bytes | None:
        """`trace_id`; what is no trace id matches nothing."""
        given = self.text("trace_id")
        return trace_id_of(given) if given else None

    def query(self) -> str:
        """`query`: plain text, compared without regard to case."""
        return self._values.get("query", "").casefold()

    def logs(self) -> Wanted:
        """All that log records are chosen by."""
        return Wanted(
            self.level(),
            self.text("session_id"),
            self.trace_id(),
            self.time("since"),
            self.time("until"),
            self.query(),
            self.whole("before"),
        )


def trace_id_of(text: str) -> bytes:
    """A trace id's bytes; none for what is no trace id."""
    try:
        return bytes.fromhex(text) if len(text) == TRACE_DIGITS else b""
    except ValueError:
        return b""


def nanoseconds(text: str) -> int:
    """Unix ns of an RFC 3339 time, the nearest that 64 bits hold. Raises InvalidRequest."""
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise InvalidRequest("invalid timestamp")
    date, clock, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{date}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError:
        raise InvalidRequest("invalid timestamp") from None
    exact = int(moment.timestamp()) * NS + int((fraction or "0")[:9].ljust(9, "0"))
    return max(SMALLEST_INT, min(exact, LARGEST_INT))
