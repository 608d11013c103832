"""Spans of a service: whose child they are, and how many are told."""

from __future__ import annotations

from typing import Any

import pytest

from gestalt_contracts import tracing
from gestalt_contracts.auth import Receive, Scope, Send
from gestalt_serving.tracing import Budget, Traced, Tracer

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01".encode()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def spans(tracer: Tracer) -> list[Any]:
    return list(tracer.outbox._waiting)


def test_so_many_a_second_and_twice_as_many_at_once() -> None:
    clock = Clock()
    budget = Budget(5.0, clock)
    assert [budget.take() for _ in range(11)] == [True] * 10 + [False]
    clock.now = 1.0
    assert [budget.take() for _ in range(6)] == [True] * 5 + [False]


def test_nothing_a_second_tells_nothing_and_says_so_to_the_next() -> None:
    tracer = Tracer("gateway", per_second=0)
    begun = tracer.begin(PARENT)
    tracer.answered(begun, "GET", "/api/sessions", 200)
    assert (begun.context.trace_id, begun.context.traceparent[-2:]) == (TRACE, "00")
    assert (spans(tracer), tracer.unsampled) == ([], 1)


def test_a_request_is_a_child_of_who_sent_it_or_a_root() -> None:
    tracer = Tracer("gateway")
    tracer.answered(tracer.begin(PARENT), "GET", "/api/sessions", 200)
    tracer.answered(tracer.begin(b"nonsense"), "GET", "/api/sessions", 503)
    child, root = spans(tracer)
    assert (child.trace_id, child.parent_span_id, child.error) == (TRACE, SPAN, "")
    assert (root.trace_id != TRACE, root.parent_span_id, root.error) == (True, "", "answered 503")
    assert child.end >= child.start > 0


def scope(*headers: tuple[bytes, bytes]) -> Scope:
    return {"type": "http", "method": "GET", "path": "/x", "headers": list(headers)}


async def receive() -> Scope:
    return {"type": "http.request"}


async def send(_: Scope) -> None:
    """Nobody listens."""


async def test_who_serves_a_traced_request_is_inside_its_span() -> None:
    seen: list[str | None] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        seen.append(tracing.current_traceparent())
        await send({"type": "http.response.start", "status": 204})

    tracer = Tracer("session")
    served = Traced(app, tracer)
    await served(scope(), receive, send)
    await served(scope((b"traceparent", PARENT[:-1] + b"0")), receive, send)
    await served(scope((b"traceparent", PARENT)), receive, send)
    (span,) = spans(tracer)
    assert seen == [None, None, f"00-{TRACE}-{span.span_id}-01"]
    assert (span.parent_span_id, span.attributes["http.response.status_code"]) == (SPAN, 204)
    assert tracing.current() is None


async def test_a_request_that_breaks_is_a_span_that_failed() -> None:
    async def app(*_: object) -> None:
        raise RuntimeError("a bug")

    tracer = Tracer("session")
    with pytest.raises(RuntimeError):
        await Traced(app, tracer)(scope((b"traceparent", PARENT)), receive, send)
    (span,) = spans(tracer)
    assert span.error == "answered 500"
