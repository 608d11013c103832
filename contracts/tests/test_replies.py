"""Replies are told from keys by their form."""

from __future__ import annotations

import pytest

from gestalt_contracts.replies import REPLY


@pytest.mark.parametrize("typed", [b"x", b"\x1b", b"\x1b[A", b"\x1b[15~", b"\x1b[97;5u", b"\x1b[<0;3;4M", b"\x1b[200~"])
def test_a_key_is_none(typed: bytes) -> None:
    assert REPLY.match(typed) is None


@pytest.mark.parametrize("reply", [b"\x1b[3;4R", b"\x1b[?1;2c", b"\x1b]11;rgb:0/0/0\x1b\\", b"\x1bP>|a(1)\x1b\\"])
def test_a_reply_is_found_to_its_end(reply: bytes) -> None:
    found = REPLY.match(reply + b"x")
    assert found is not None
    assert found.group() == reply
