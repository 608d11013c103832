"""A terminal's own replies go by themselves; what somebody types or pastes is not touched."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_cli.attach.keyboard import Keyboard
from gestalt_cli.attach.replies import Replies

REPLY = b"\x1b[?1;2c"


def frames(*reads: bytes) -> list[tuple[bytes, bool]]:
    replies = Replies()
    return [(sent.data, sent.reply) for read in reads for sent in replies.feed(read)]


def test_keys_stay_together() -> None:
    assert frames(b"abc\x1b[A\x1bOP") == [(b"abc\x1b[A\x1bOP", False)]


def test_a_reply_among_keys_goes_by_itself() -> None:
    assert frames(b"a" + REPLY + b"\x1b[3;4Rb") == [(b"a", False), (REPLY, True), (b"\x1b[3;4R", True), (b"b", False)]


@pytest.mark.parametrize("reply", [REPLY, b"\x1b]11;rgb:0/0/0\x1b\\", b"\x1bP>|a(1)\x1b\\", b"\x1b[?2026;2$y"])
def test_one_that_comes_in_two_pieces_is_put_together(reply: bytes) -> None:
    for cut in range(3, len(reply)):
        assert frames(b"a" + reply[:cut], reply[cut:] + b"b") == [(b"a", False), (reply, True), (b"b", False)], cut


def test_what_a_person_may_have_pressed_does_not_wait() -> None:
    for key in (b"\x1b", b"\x1b[", b"\x1bP", b"\x1b]", b"\x1b_"):
        assert frames(key) == [(key, False)]


def test_what_is_pasted_is_not_taken_apart() -> None:
    pasted = b"\x1b[200~" + REPLY + b"\x1b[201~"
    assert frames(pasted, REPLY) == [(pasted, False), (REPLY, True)]


@given(st.lists(st.sampled_from([b"a", b"\x1b", b"[A", REPLY, b"\x1b[1;2R", b"\x1b[200~", b"\x1b[201~"]), max_size=12))
def test_nothing_is_lost_or_moved(pieces: list[bytes]) -> None:
    typed = b"".join(pieces)
    assert b"".join(data for data, _ in frames(typed, b"x")) == typed + b"x"


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=4))
def test_cuts_lose_nothing(typed: bytes, cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), 60]
    assert b"".join(data for data, _ in frames(*(typed[a:b] for a, b in pairwise(bounds)), b"xx")) == typed + b"xx"


async def test_the_keyboard_sends_a_reply_in_a_frame_of_its_own() -> None:
    keyboard = Keyboard()
    for data, alone in ((b"a", False), (b"b", False), (REPLY, True), (b"c", False), (b"d", False)):
        keyboard.type(data, alone=alone)
    assert [await keyboard.next() for _ in range(3)] == [b"ab", REPLY, b"cd"]
    await keyboard.sent()
