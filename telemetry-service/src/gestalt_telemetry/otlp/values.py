"""Attribute values: one plain Python value for every kind of AnyValue, and back to OTLP's JSON.

string → str, bool → bool, int → int, double → float, bytes → bytes, array → list, kvlist → dict, unset → None.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from opentelemetry.proto.common.v1.common_pb2 import AnyValue as ProtoValue
from opentelemetry.proto.common.v1.common_pb2 import KeyValue as ProtoKeyValue

Attributes = dict[str, Any]

DEEPEST = 32
"""Levels of arrays and maps inside one value; what lies deeper is refused."""
LARGEST_INT, SMALLEST_INT = (1 << 63) - 1, -(1 << 63)
PLAIN = frozenset({"string_value", "bool_value", "int_value", "double_value", "bytes_value"})
"""Kinds of protobuf values that are Python's own."""
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Malformed(Exception):
    """What came is no OTLP; the message says what is wrong."""


class Array(Struct):
    """`arrayValue`."""

    values: list[AnyValue] = []


class KeyValue(Struct):
    """One attribute."""

    key: str = ""
    value: AnyValue | None = None


class KeyValues(Struct):
    """`kvlistValue`."""

    values: list[KeyValue] = []


class AnyValue(Struct, rename="camel"):
    """A value as OTLP's JSON has it; the first kind that is set counts."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    array_value: Array | None = None
    kvlist_value: KeyValues | None = None
    bytes_value: str | None = None


def of_json(value: AnyValue | None, depth: int = 0) -> Any:  # noqa: PLR0911 - a table of kinds
    """The plain value. Raises Malformed."""
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return integer(value.int_value)
    if value.double_value is not None:
        return double(value.double_value)
    if value.bytes_value is not None:
        return _bytes(value.bytes_value)
    return _nested(value, depth + 1)


def _nested(value: AnyValue, depth: int) -> Any:
    if depth > DEEPEST:
        raise Malformed("values are nested too deeply")
    if value.array_value is not None:
        return [of_json(item, depth) for item in value.array_value.values]
    if value.kvlist_value is not None:
        return {pair.key: of_json(pair.value, depth) for pair in value.kvlist_value.values}
    return None


def attributes_of_json(pairs: Iterable[KeyValue]) -> Attributes:
    """Attributes by key; of one key given twice the last counts."""
    return {pair.key: of_json(pair.value) for pair in pairs}


def integer(given: int | str) -> int:
    """A 64-bit integer, which JSON carries as a decimal string. Raises Malformed."""
    try:
        number = int(given) if len(str(given)) <= len(str(SMALLEST_INT)) else None
    except ValueError:
        number = None
    if number is None or not SMALLEST_INT <= number <= LARGEST_INT:
        raise Malformed("an integer is none, or has more than 64 bits")
    return number


def double(given: float | str) -> float:
    """A double; JSON spells what is not finite. Raises Malformed."""
    if not isinstance(given, str):
        return float(given)
    try:
        return NOT_FINITE[given] if given in NOT_FINITE else float(given)
    except ValueError:
        raise Malformed("a double is none") from None


def _bytes(given: str) -> bytes:
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("bytesValue is not base64") from None


def of_proto(value: ProtoValue, depth: int = 0) -> Any:
    """The plain value. Raises Malformed for one that is nested too deeply."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "array_value":
        _refuse_depth(depth)
        return [of_proto(item, depth + 1) for item in value.array_value.values]
    if kind == "kvlist_value":
        _refuse_depth(depth)
        return {pair.key: of_proto(pair.value, depth + 1) for pair in value.kvlist_value.values}
    return getattr(value, kind)


def _refuse_depth(depth: int) -> None:
    if depth >= DEEPEST:
        raise Malformed("values are nested too deeply")


def attributes_of_proto(pairs: Iterable[ProtoKeyValue]) -> Attributes:
    """As attributes_of_json."""
    found: Attributes = {}
    for pair in pairs:
        value = pair.value
        kind = value.WhichOneof("value")
        found[pair.key] = getattr(value, kind) if kind in PLAIN else of_proto(value)
    return found


def shown(value: Any) -> dict[str, Any]:  # noqa: PLR0911 - a table of kinds
    """A plain value as OTLP's JSON writes it."""
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": number(value)}
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode("ascii")}
    if isinstance(value, list):
        return {"arrayValue": {"values": [shown(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": pairs(value)}}
    return {}


def pairs(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes as OTLP's JSON writes them."""
    return [{"key": key, "value": shown(value)} for key, value in attributes.items()]


def number(value: float) -> float | str:
    """A double for JSON, which has no NaN."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def text(value: Any) -> str:
    """A plain value as people search for it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, list):
        return " ".join(map(text, value))
    if isinstance(value, dict):
        return " ".join(f"{key}={text(item)}" for key, item in value.items())
    return "" if value is None else str(value)
