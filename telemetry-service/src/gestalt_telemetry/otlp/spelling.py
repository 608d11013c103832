"""OTLP's JSON in its other spelling: protobuf's own field names (`resource_logs`), which its JSON mapping allows."""

from __future__ import annotations

from typing import Any

import msgspec

SPELT = (b'"resource_logs"', b'"resource_spans"', b'"resource_metrics"')


def in_camel_case(body: bytes) -> bytes:
    """A request in the usual spelling. What names its groups in the other spelling may do so everywhere.

    Raises msgspec.MsgspecError, RecursionError.
    """
    if not any(spelling in body for spelling in SPELT):
        return body
    return msgspec.json.encode(_camel(msgspec.json.decode(body)))


def _camel(value: Any) -> Any:
    """Keys of objects are field names: attributes are pairs of `key` and `value`, whose text stays as it is."""
    if isinstance(value, dict):
        return {_word(key): _camel(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_camel(inner) for inner in value]
    return value


def _word(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
