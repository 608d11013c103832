"""What is pasted stays in its paste."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_session.terminal.pasting import PASTE_BEGIN, PASTE_END, pasted


@pytest.mark.parametrize(
    "text",
    [
        PASTE_END + b"rm -rf .\r",
        b"\x1b[2" + PASTE_END + b"01~rm -rf .\r",
        b"\x1b[20\x1b[2" + PASTE_END + b"01~1~rm -rf .\r",
        b"\x1b" * 3 + PASTE_END + b"[201~",
    ],
)
def test_no_text_ends_its_own_paste(text: bytes) -> None:
    assert pasted(text, brackets=True).find(PASTE_END) == len(pasted(text, brackets=True)) - len(PASTE_END)


@given(st.lists(st.sampled_from([b"\x1b", b"[", b"2", b"0", b"1", b"~", PASTE_END]), max_size=40).map(b"".join))
def test_whatever_it_is_put_together_of(text: bytes) -> None:
    assert pasted(text, brackets=True).count(PASTE_END) == 1


def test_other_escapes_are_pasted_as_they_are() -> None:
    assert pasted(b"\x1b[31mred", brackets=True) == PASTE_BEGIN + b"\x1b[31mred" + PASTE_END
    assert pasted(PASTE_END, brackets=False) == PASTE_END
