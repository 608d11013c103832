import pytest

from gestalt_contracts.durations import seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "1w", "1h30m", "ten", "1e3", "\u0661s", "1 2"])
def test_what_is_no_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match="a duration is a number of seconds"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90s", 90), ("15m", 900), ("1h", 3600), ("7d", 604_800), ("0.5", 0.5), (" 1.5 h ", 5400), ("0", 0)],
)
def test_a_duration_is_read_in_seconds(text: str, expected: float) -> None:
    assert seconds(text) == expected
