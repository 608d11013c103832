"""Headers and query strings on their way through."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_gateway.headers import back, onward, request_id
from gestalt_gateway.query import secret, stripped

names = st.sampled_from([b"accept", b"x-a", b"x-b", b"connection", b"te", b"cookie", b"x-gestalt-uid", b"host"])
headers = st.lists(st.tuples(names, st.sampled_from([b"1", b"2", b"x-a", b"x-b, close"])), max_size=12)


def test_what_belongs_to_one_connection_or_to_us_is_dropped() -> None:
    asked = [(b"connection", b"X-Hop, close"), (b"x-hop", b"1"), (b"transfer-encoding", b"chunked"), (b"te", b"x")]
    ours = [
        (b"authorization", b"Bearer x"),
        (b"cookie", b"a"),
        (b"x-gestalt-session", b"u"),
        (b"x-forwarded-for", b"1"),
    ]
    assert onward([*asked, *ours, (b"accept", b"*/*")], [(b"x-request-id", b"r")]) == [
        (b"accept", b"*/*"),
        (b"x-request-id", b"r"),
    ]


@given(headers)
def test_what_goes_on_keeps_its_order_and_its_repeats(pairs: list[tuple[bytes, bytes]]) -> None:
    named = {word.strip() for name, value in pairs if name == b"connection" for word in value.split(b",")}
    dropped = {b"connection", b"te", b"cookie", b"x-gestalt-uid", b"host"} | named
    assert onward(pairs, []) == [pair for pair in pairs if pair[0] not in dropped]


def test_an_answer_gets_our_headers_once() -> None:
    raw = [(b"Cache-Control", b"public"), (b"X-Request-Id", b"theirs"), (b"Date", b"d"), (b"Set-Cookie", b"a")]
    assert back([*raw, (b"Set-Cookie", b"b"), (b"Connection", b"close")], b"ours") == [
        (b"set-cookie", b"a"),
        (b"set-cookie", b"b"),
        (b"x-content-type-options", b"nosniff"),
        (b"cache-control", b"no-store, must-revalidate"),
        (b"x-request-id", b"ours"),
    ]


@pytest.mark.parametrize("value", [b"", b" x", b"a b", b"a\nb", b"\xff", b"x" * 129, b"-x", b'"'])
def test_a_request_id_that_logs_cannot_carry_is_not_taken(value: bytes) -> None:
    assert request_id([(b"x-request-id", value)]) is None


def test_a_sane_request_id_is_taken() -> None:
    assert request_id([(b"x-request-id", b"0af7651916cd43dd8448eb211c80319c")]) is not None
    assert request_id([]) is None


@pytest.mark.parametrize(
    ("query", "left"),
    [
        (b"token=x", b""),
        (b"a=1&token=x&b=%20", b"a=1&b=%20"),
        (b"%74oken=x&tic%6Bet=y&a", b"a"),
        (b"TOKEN=x&tokens=1&&=", b"TOKEN=x&tokens=1&&="),
        (b"cursor=5", b"cursor=5"),
    ],
)
def test_credentials_are_taken_out_and_every_other_byte_stays(query: bytes, left: bytes) -> None:
    assert stripped(query) == left


def test_the_first_value_that_is_there_is_read_decoded() -> None:
    assert secret(b"token=&token=a%2Bb&token=c", "token") == "a+b"
    assert secret(b"%74oken=x", "token") == "x"
    assert secret(b"a=1", "token") is None
    assert secret(b"", "ticket") is None


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=6), st.text(min_size=1))
def test_no_disguise_gets_a_credential_through(pairs: list[tuple[str, str]], token: str) -> None:
    parts = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs]
    query = "&".join([*parts, f"token={quote(token, safe='')}"]).encode()
    assert secret(stripped(query), "token") is None
    assert secret(stripped(query), "ticket") is None
