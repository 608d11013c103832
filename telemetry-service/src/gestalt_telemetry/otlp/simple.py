"""The simple entry of `POST /api/otel/logs`: one record, its own bounds, its own words for what is wrong (§5)."""

from __future__ import annotations

from typing import Any

import msgspec

from gestalt_telemetry.otlp.decoded import Decoded
from gestalt_telemetry.otlp.values import AnyValue, Malformed, of_json
from gestalt_telemetry.records import Batch, Log, Origin, Scope
from gestalt_telemetry.severity import resolved

MOST_BODY_BYTES = 524_288
MOST_TEXT_BYTES = 262_144
MOST_ATTRIBUTES = 100
MOST_KEY_BYTES = 256
MOST_VALUE_BYTES = 2_048
DEFAULTS = {"gestalt.source": "frontend", "gestalt.category": "ui"}
SCOPE = "gestalt/ui"
BATCH_KEYS = {"resourceLogs", "resource_logs"}
TIMES = ("timestamp", "time_unix_nano", "timeUnixNano")
MOST_SEVERITY = 1 << 31
JSON_SPACE = b" \t\r\n"


def parse(body: bytes) -> Any:
    """The JSON of a request. Raises Malformed for anything but an object."""
    try:
        found = msgspec.json.decode(body.strip(JSON_SPACE) or b"{}")
        found = {} if found is None else found
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Malformed("invalid request body")
    return found


def record(entry: dict[str, Any], size: int, now: int) -> Decoded:
    """The one record of an entry of `size` bytes, taken in at `now` (Unix ns). Raises Malformed with the reason."""
    if size > MOST_BODY_BYTES:
        raise Malformed("invalid request body")
    text = entry.get("severity_text")
    text, number = resolved(text.strip() if isinstance(text, str) else "", _severity(entry))
    if entry.get("body") is None:
        raise Malformed("missing body")
    body = _value(entry["body"])
    if isinstance(body, str) and len(body.encode(errors="surrogatepass")) > MOST_TEXT_BYTES:
        raise Malformed("body too large")
    attributes = {**DEFAULTS, **_attributes(entry.get("attributes"))}
    log = Log(_time(entry, now), now, number, text, body, attributes)
    origin = Origin({"service.name": "gestalt"}, "", Scope(SCOPE))
    return Decoded([Batch(origin, logs=[log])])


def _severity(entry: dict[str, Any]) -> int | None:
    if "severity_number" not in entry:
        return None
    given = entry["severity_number"]
    try:
        if isinstance(given, bool) or given is None:
            raise ValueError  # noqa: TRY301 - one word for everything that is no number
        number = int(given.strip()) if isinstance(given, str) else int(given)
    except (ValueError, OverflowError, TypeError):
        raise Malformed("invalid severity number") from None
    if not -MOST_SEVERITY < number < MOST_SEVERITY:
        raise Malformed("invalid severity number")
    return number


def _time(entry: dict[str, Any], now: int) -> int:
    """The client's own time if it gives one that can be read, else now."""
    for key in TIMES:
        given = str(entry.get(key, ""))
        if given.isascii() and given.isdigit() and 0 < len(given) <= len(str(now)):
            return int(given) or now
    return now


def _value(given: Any) -> Any:
    if isinstance(given, str | bool | int | float):
        return given
    if not isinstance(given, dict):
        raise Malformed("invalid value")
    try:
        value = msgspec.convert(given, AnyValue)
        known = any(getattr(value, name) is not None for name in AnyValue.__struct_fields__)
        found = of_json(value) if known else None
    except (msgspec.ValidationError, Malformed, RecursionError):
        raise Malformed("invalid value") from None
    if found is None:
        raise Malformed("invalid value")
    return found


def _attributes(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, list):
        pairs = [(item.get("key"), item.get("value")) for item in given if isinstance(item, dict)]
    elif isinstance(given, dict):
        pairs = list(given.items())
    else:
        raise Malformed("invalid attributes")
    found = {_key(key): _bounded(_value(value)) for key, value in pairs}
    if len(found) > MOST_ATTRIBUTES:
        raise Malformed("too many attributes")
    return found


def _key(key: Any) -> str:
    if not isinstance(key, str) or not key.strip() or len(key.encode(errors="surrogatepass")) > MOST_KEY_BYTES:
        raise Malformed("invalid attribute key")
    return key


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value.encode(errors="surrogatepass")) > MOST_VALUE_BYTES:
        raise Malformed("attribute value too large")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _bounded(inner)
    return value
