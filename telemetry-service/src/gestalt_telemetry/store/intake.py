"""From a request's bytes to records: bounded, unpacked, decoded, stamped. Pure."""

from __future__ import annotations

import zlib

import msgspec

from gestalt_telemetry.otlp import json, protobuf, simple
from gestalt_telemetry.otlp.decoded import Decoded
from gestalt_telemetry.otlp.values import Attributes, Malformed
from gestalt_telemetry.records import Batch, Origin
from gestalt_telemetry.store.rows import SESSION_KEYS, UID_KEYS
from gestalt_telemetry.store.wire import Write

GZIP_WINDOW = 31  # a gzip header, the largest window
MS = 1_000_000
BUS = "bus"
_batches = msgspec.msgpack.Decoder(list[Batch])


class TooLarge(Exception):
    """The body is over its limit once it is unpacked."""


def decoded(write: Write, limit: int) -> Decoded:
    """The records of a request of at most `limit` bytes, unpacked. Raises Malformed and TooLarge."""
    body = unpacked(write.body, limit) if write.gzip else write.body
    if len(body) > limit:
        raise TooLarge
    found = _decode(write, body)
    if write.uid:
        for batch in found.batches:
            stamp(batch, write.session or write.uid, write.uid)
    return found


def _decode(write: Write, body: bytes) -> Decoded:
    if write.form == BUS:
        return Decoded(_batches.decode(body))
    if write.form == "protobuf":
        return protobuf.DECODERS[write.signal](body)
    if write.form == "simple":
        entry = simple.parse(body)
        if not simple.BATCH_KEYS & entry.keys():
            return simple.record(entry, len(body), write.arrival)
    return json.DECODERS[write.signal](body)


def unpacked(data: bytes, limit: int) -> bytes:
    """What gzip packed, members one after the other. Raises TooLarge before more than `limit` bytes are made."""
    parts: list[bytes] = []
    left = limit
    while data:
        unpacker = zlib.decompressobj(GZIP_WINDOW)
        try:
            parts.append(unpacker.decompress(data, left + 1))
        except zlib.error:
            raise Malformed("the body is no gzip") from None
        left -= len(parts[-1])
        if left < 0:
            raise TooLarge
        if not unpacker.eof:
            raise Malformed("the gzip body breaks off")
        data = unpacker.unused_data.lstrip(b"\0")
    return b"".join(parts)


def stamp(batch: Batch, session: str, uid: str) -> None:
    """Make every record the session's, whatever it says of itself."""
    resource = _stamped(batch.origin.resource, session, uid)
    batch.origin = Origin(resource, batch.origin.schema_url, batch.origin.scope)
    for log in batch.logs:
        log.attributes = _corrected(log.attributes, session, uid)
    for span in batch.spans:
        span.attributes = _corrected(span.attributes, session, uid)


def _stamped(attributes: Attributes, session: str, uid: str) -> Attributes:
    kept = {key: value for key, value in attributes.items() if key not in SESSION_KEYS + UID_KEYS}
    return {**kept, SESSION_KEYS[0]: session, UID_KEYS[0]: uid}


def _corrected(attributes: Attributes, session: str, uid: str) -> Attributes:
    if not any(key in attributes for key in SESSION_KEYS + UID_KEYS):
        return attributes
    return _stamped(attributes, session, uid)


def beyond(mark: str, stored: str | None) -> bool:
    """Whether a stream id comes after the one that is stored."""
    return stored is None or place(mark) > place(stored)


def place(mark: str) -> tuple[int, int]:
    """A stream id as numbers, which sort as the stream does."""
    first, _, second = mark.partition("-")
    return int(first), int(second or 0)
