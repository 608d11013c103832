"""Values of attributes: whatever comes in comes out, by both encodings, and bad ones are refused as such."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue as ProtoValue

from gestalt_telemetry.otlp.decoded import Decoded
from gestalt_telemetry.otlp.json import DECODERS as JSON
from gestalt_telemetry.otlp.protobuf import DECODERS as PROTOBUF
from gestalt_telemetry.otlp.values import AnyValue, Malformed, of_json, of_proto, shown
from gestalt_telemetry.queries.logs import match
from gestalt_telemetry.store.intake import TooLarge, unpacked
from gestalt_telemetry.store.wire import Frames, Write, framed, of_service

TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
SCALARS = (
    TEXT
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | st.binary(max_size=20)
    | st.none()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)


def as_proto(value: Any, into: ProtoValue) -> ProtoValue:  # noqa: C901 - a table of kinds
    if isinstance(value, str):
        into.string_value = value
    elif isinstance(value, bool):
        into.bool_value = value
    elif isinstance(value, int):
        into.int_value = value
    elif isinstance(value, float):
        into.double_value = value
    elif isinstance(value, bytes):
        into.bytes_value = value
    elif isinstance(value, list):
        into.array_value.SetInParent()
        for item in value:
            as_proto(item, into.array_value.values.add())
    elif isinstance(value, dict):
        into.kvlist_value.SetInParent()
        for key, item in value.items():
            pair = into.kvlist_value.values.add()
            pair.key = key
            as_proto(item, pair.value)
    return into


@given(VALUES)
def test_a_value_survives_json(value: Any) -> None:
    text = msgspec.json.encode(shown(value))
    assert of_json(msgspec.json.decode(text, type=AnyValue)) == value


@given(VALUES)
def test_a_value_survives_protobuf(value: Any) -> None:
    assert of_proto(ProtoValue.FromString(as_proto(value, ProtoValue()).SerializeToString())) == value


@pytest.mark.parametrize(("value", "spelled"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_doubles_that_are_no_numbers_are_spelled(value: float, spelled: str) -> None:
    assert shown(value) == {"doubleValue": spelled}
    again = of_json(AnyValue(double_value=spelled))
    assert again == value or math.isnan(again) == math.isnan(value)


@pytest.mark.parametrize(
    "bad",
    [
        AnyValue(int_value="9223372036854775808"),
        AnyValue(int_value="1e3"),
        AnyValue(int_value="9" * 10_000),
        AnyValue(double_value="much"),
        AnyValue(bytes_value="*"),
    ],
)
def test_values_that_are_none_are_malformed(bad: AnyValue) -> None:
    with pytest.raises(Malformed):
        of_json(bad)


@given(st.binary(max_size=200), st.sampled_from(["logs", "traces", "metrics"]), st.sampled_from([JSON, PROTOBUF]))
def test_any_bytes_are_decoded_or_malformed(body: bytes, signal: str, decoders: Any) -> None:
    with suppress(Malformed):
        assert isinstance(decoders[signal](body), Decoded)


@given(st.binary(max_size=100))
def test_any_bytes_are_unpacked_or_refused(body: bytes) -> None:
    with suppress(Malformed, TooLarge):
        assert len(unpacked(body, 1_000)) <= 1_000


@given(st.lists(st.binary(max_size=50), max_size=5), st.integers(1, 40))
def test_messages_are_cut_as_they_were_framed(bodies: list[bytes], step: int) -> None:
    writes = [Write(number, "logs", "json", body, 1) for number, body in enumerate(bodies)]
    stream = b"".join(map(framed, writes))
    frames, found = Frames(), list[bytes]()
    for place in range(0, len(stream), step):
        found += frames.feed(stream[place : place + step])
    assert [of_service(frame) for frame in found] == writes


@given(st.text(min_size=3, max_size=200))
def test_a_query_of_the_index_is_bounded_and_quoted(text: str) -> None:
    assert match(text).startswith('"')
    assert match(text).endswith('"')
    assert len(match(text)) <= 24 * 20
