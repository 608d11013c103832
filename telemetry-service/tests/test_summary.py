"""The summary of requests, without a clock."""

from __future__ import annotations

import pytest

from gestalt_telemetry.summary import Answered, Summary, percentile


def test_the_window_slides_and_ties_are_by_name() -> None:
    summary = Summary()
    for route in ("/b", "/a"):
        summary.add(Answered(100.0, route, 200, "", [1.0]))
    summary.add(Answered(3_000.0, "/c", 200, "", [1.0]))
    assert [one["route"] for one in summary.told(3_700.0, "")["top_endpoints"]] == ["/a", "/b", "/c"]
    assert [one["route"] for one in summary.told(3_701.0, "")["top_endpoints"]] == ["/c"]
    assert Summary().told(0.0, "")["error_rates"] == []


@pytest.mark.parametrize(("count", "expected"), [(1, 0), (100, 98), (101, 99), (1_000, 989)])
def test_percentiles_are_values_that_were_seen(count: int, expected: int) -> None:
    assert percentile([float(number) for number in range(count)]) == expected
