"""The address of a ClickHouse."""

from __future__ import annotations

import pytest

from gestalt_telemetry.clickhouse.location import located


@pytest.mark.parametrize("text", ["mysql://a/b", "clickhouse:///x", "clickhouse://h/a/b", "clickhouse://h/a?b=c"])
def test_an_address_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"clickhouses?://"):
        located(text)


def test_an_address_keeps_its_secret() -> None:
    found = located("clickhouses://me:s%2Fecret@h/otel")
    assert (found.url, found.user, found.password, found.database) == ("https://h:8443/", "me", "s/ecret", "otel")
    assert "ecret" not in repr(found)
