"""W3C trace context: what is taken as one, and what is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_contracts import tracing
from gestalt_contracts.tracing import TraceContext, parsed

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    "text",
    [
        None, "", "x", f"00-{TRACE}-{SPAN}", f"00-{TRACE}-{SPAN}-01-more", f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0", f" 00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-01\n",
    ],
)  # fmt: skip
def test_what_is_no_trace_context_begins_none(text: str | None) -> None:
    assert parsed(text) is None


@given(st.binary(max_size=80))
def test_any_bytes_are_a_context_or_none(given: bytes) -> None:
    context = parsed(given)
    assert context is None or parsed(context.traceparent) == context


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("ff", True)])
def test_only_one_flag_says_whether_it_is_told(flags: str, sampled: bool) -> None:  # noqa: FBT001 - a parameter
    assert parsed(f"00-{TRACE}-{SPAN}-{flags}") == TraceContext(TRACE, SPAN, sampled)


def test_a_later_version_may_say_more() -> None:
    assert parsed(f"01-{TRACE}-{SPAN}-01-what-comes-later") == TraceContext(TRACE, SPAN)


def test_an_event_carries_only_a_span_that_is_told() -> None:
    assert tracing.current_traceparent() is None
    with tracing.inside(TraceContext(TRACE, SPAN, sampled=False)):
        assert tracing.current_traceparent() is None
        with tracing.inside(TraceContext(TRACE, SPAN)):
            assert tracing.current_traceparent() == f"00-{TRACE}-{SPAN}-01"


def test_new_ids_are_ids() -> None:
    context = TraceContext(tracing.new_trace_id(), tracing.new_span_id())
    assert parsed(context.traceparent) == context
