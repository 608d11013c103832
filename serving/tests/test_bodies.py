"""What clients send, as the contract's §2 reads it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from gestalt_contracts.errors import InvalidRequest
from gestalt_serving.bodies import INVALID, parse


class Shape(Struct, forbid_unknown_fields=True):
    """A body with every kind of field that ours have."""

    name: str | None = None
    count: int | None = None
    labels: dict[str, str] | None = None


@pytest.mark.parametrize(
    "body",
    [
        b"[]", b"1", b'"text"', b"true", b"{", b'{"name":', b"{}{}", b"{} x", b"nullx", b"null null", b"\xef\xbb\xbf{}",
        b"\x0b{}", b"\x00", b'{"other":1}', b'{"Name":"a"}', b'{"name":1}', b'{"name":["a"]}', b'{"count":"1"}',
        b'{"count":1.5}', b'{"count":true}', b'{"labels":{"a":1}}', b'{"labels":[]}', b'{"name":"\xff"}',
        b'{"name":"\\ud800"}', b"{'name':'a'}", b'{"name":"a",}', b"[" * 100_000, b'{"name":' * 100_000,
    ],
)  # fmt: skip
def test_it_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match=INVALID):
        parse(body, Shape)


@pytest.mark.parametrize("body", [b"", b"  \r\n\t", b"null", b" null ", b"{}", b" {} \n"])
def test_nothing_is_an_empty_object(body: bytes) -> None:
    assert parse(body, Shape) == Shape()


def test_of_a_repeated_key_the_last_counts_and_null_is_absent() -> None:
    assert parse(b'{"name":"a","count":null,"name":"b"}', Shape) == Shape(name="b")


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(body: bytes) -> None:
    with suppress(InvalidRequest):
        assert isinstance(parse(body, Shape), Shape)
