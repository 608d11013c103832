"""What clients send, as the contract's §2 reads it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from gestalt_contracts.errors import InvalidRequest
from gestalt_session.routes.bodies import INVALID, parse, whole_number


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


@pytest.mark.parametrize(
    "text", ["0", "-1", "x", "1.5", "1e3", "++1", "+", " 1", "1 ", "1_0", "٣", str(1 << 63), "9" * 5_000]
)
def test_what_is_no_positive_whole_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid limit"):
        whole_number(text, 7, "invalid limit", least=1)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("+3", 3), ("007", 7), ("0" * 5_000 + "5", 5)])
def test_whole_numbers_are_read(text: str, number: int) -> None:
    assert whole_number(text, 7, "invalid limit", least=1) == number


@pytest.mark.parametrize("text", [None, "", "  "])
def test_a_blank_number_is_absent(text: str | None) -> None:
    assert whole_number(text, 7, "invalid limit", least=1) == 7
