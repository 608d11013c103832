"""Query parameters that count something."""

from __future__ import annotations

import pytest

from gestalt_contracts.errors import InvalidRequest
from gestalt_session.routes.parameters import whole_number


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
