"""An event as flat fields, as conditions compare them and templates show them (reference, flow §7)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from gestalt_contracts.events import Event, rfc3339
from gestalt_flow.model import Fields

_FNV_OFFSET = 0xCBF29CE484222325
_FNV_PRIME = 0x100000001B3
_MASK = 0xFFFFFFFFFFFFFFFF
DEEPEST = 2
"""Levels of `data` that become dotted keys; what lies deeper is dropped."""


def fields_of(event: Event) -> Fields:
    """Every field of an event that is not empty. Keys are lower case; values are strings."""
    fields: Fields = {}
    _put(fields, "type", event.type)
    _put(fields, "timestamp", rfc3339(event.occurred_at))
    if event.topic == "notify":  # flat already, by whoever took the call
        fields |= {key: value for key, value in _flat(event.data, "").items() if key not in fields}
        _put(fields, "agent_id", event.agent_id)
        return fields
    for key, value in (("session_id", event.session_id), ("session.id", event.session_id)):
        _put(fields, key, value)
    _put(fields, "session.uid", event.session_uid)
    _put(fields, "agent_id", event.agent_id)
    prefix = {"terminal": "data.", "agent": "context."}.get(event.topic, "")
    if event.topic == "terminal":
        _put(fields, "terminal_id", event.session_id)
    for key, value in _flat(event.data, "").items():
        fields.setdefault(key if key in {"agent_name", "path"} else prefix + key, value)
        fields.setdefault(key, value)
    return fields


def event_id_of(event: Event, fields: Fields) -> str:
    """The id its sender gave it, else a hash of its fields: FNV-1a, 64 bit, in the reference's byte order."""
    if event.topic == "notify":
        known = {key: value for key, value in fields.items() if key != "agent_id"}  # the sender did not say it
        return fields.get("notify.event_id") or fnv1a(known)
    return fnv1a(fields)


def fnv1a(fields: Fields) -> str:
    """16 hex digits over `key NUL value NUL` of the sorted fields."""
    hashed = _FNV_OFFSET
    for key, value in sorted((key.encode(), value.encode("utf-8", "replace")) for key, value in fields.items()):
        for byte in b"%b\0%b\0" % (key, value):
            hashed = ((hashed ^ byte) * _FNV_PRIME) & _MASK
    return f"{hashed:016x}"


def _flat(data: dict[str, object], prefix: str, depth: int = 1) -> Fields:
    flat: Fields = {}
    for name, value in data.items():
        key = prefix + name.strip().lower()
        if isinstance(value, dict) and depth < DEEPEST:
            flat |= _flat(value, f"{key}.", depth + 1)
        else:
            _put(flat, key, value)
    return flat


def _put(fields: Fields, key: str, value: object) -> None:
    shown = text(value)
    if key and shown.strip():
        fields[key] = shown


def text(value: object) -> str:
    """A scalar as text, numbers without exponent; empty for what is none."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
        case datetime():
            return rfc3339(value)
    return ""
