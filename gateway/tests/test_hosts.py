"""Which Host is served, and which Origin may act."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_gateway.hosts import HostRules, authority_of, is_loopback_bind, origin_of

RULES = HostRules(
    bind="10.0.0.5",
    public_url="https://gestalt.example.org",
    allowed_hosts=["any.example", "one.example:8080"],
    allowed_origins=["https://page.example", "http://localhost:5173"],
)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "one.example", "one.example:80", "gestalt.example.org:8443", "10.0.0.6", "", "a b", "x@127.0.0.1",
     "127.0.0.1.evil.example", "localhost.evil.example", "[::1", "127.0.0.1:notaport", "127.0.0.1/x", "0.0.0.0:1"],
)  # fmt: skip
def test_foreign_and_malformed_hosts_are_not_served(host: str) -> None:
    assert not RULES.serves(host)


def test_no_host_is_not_served() -> None:
    assert not RULES.serves(None)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:57417", "127.0.0.1:1", "127.9.9.9", "[::1]:57417", "10.0.0.5:57417", "any.example:9",
     "one.example:8080", "gestalt.example.org", "gestalt.example.org:443"],
)  # fmt: skip
def test_loopback_bind_public_and_allowed_hosts_are_served(host: str) -> None:
    assert RULES.serves(host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("null", "localhost:57417"),
        ("http://evil.example", "localhost:57417"),
        ("http://localhost:1", "localhost:57417"),
        ("https://localhost:57417", "localhost:57417"),
        ("http://127.0.0.1:57417", "localhost:57417"),
        ("http://gestalt.example.org", "gestalt.example.org"),
        ("http://page.example", "localhost"),
        ("file://", "localhost"),
        ("", "localhost"),
    ],
)
def test_other_origins_may_not_act(origin: str, host: str) -> None:
    assert not RULES.welcomes(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:57417", "localhost:57417"),
        ("http://LOCALHOST:57417", "localhost:57417"),
        ("http://[::1]:57417", "[::1]:57417"),
        ("http://any.example", "any.example:80"),
        ("https://gestalt.example.org", "gestalt.example.org"),
        ("https://gestalt.example.org", "gestalt.example.org:443"),
        ("https://page.example", "localhost:57417"),
        ("http://localhost:5173", "127.0.0.1:57417"),
    ],
)
def test_a_page_of_this_host_and_allowed_origins_may_act(origin: str, host: str) -> None:
    assert RULES.welcomes(origin, host)


@given(st.text(max_size=30))
def test_no_text_breaks_the_parsers(text: str) -> None:
    authority_of(text)
    origin_of(text)
    RULES.serves(text)
    RULES.welcomes(text, text)


def test_only_loopback_binds_are_loopback() -> None:
    assert all(is_loopback_bind(bind) for bind in ("127.0.0.1", "::1", "localhost"))
    assert not any(is_loopback_bind(bind) for bind in ("0.0.0.0", "::", "10.0.0.1", "gateway", ""))  # noqa: S104 - named, not bound
