"""Runs and attempts as spans of the trace that their event belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable
from typing import TypeVar

from gestalt_contracts import tracing
from gestalt_contracts.tracing import TraceContext
from gestalt_flow.activities.context import Context
from gestalt_flow.planning import Plan
from gestalt_flow.records import ActivityRecord
from gestalt_serving.tracing import CONSUMER, INTERNAL, Attributes, Begun, Tracer

V = TypeVar("V", bound=tuple[str, ActivityRecord, int])


class Traces:
    """Any replica may do an activity: a run's span has an id that each of them computes from the run's."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def looked_at(self, traceparent: str | None, plan: Plan) -> Begun | None:
        """An event has led to a run."""
        return self._tracer.join(traceparent, span_of(plan.id))

    def planned(self, begun: Begun | None, plan: Plan) -> None:
        """The run is written down."""
        attributes: Attributes = {
            "gestalt.flow.trigger_id": plan.head.trigger_id,
            "gestalt.flow.run_id": plan.id,
            "gestalt.event.type": plan.head.event.type,
        }
        self._tracer.end(begun, "flow run", CONSUMER, attributes, plan.head.error or "")

    async def attempt(self, context: Context, outcome: Awaitable[V]) -> V:
        """Await one attempt inside a span of its own."""
        event = tracing.parsed(context.head.event.traceparent)
        run = TraceContext(event.trace_id, span_of(context.run_id), event.sampled) if event else None
        begun = self._tracer.join(run.traceparent if run else None)
        with tracing.inside(begun.context if begun else None):
            verdict = await outcome
        self._tracer.end(begun, f"activity {context.record.activity_id}", INTERNAL, *_told(context, verdict))
        return verdict


def span_of(run_id: str) -> str:
    """The id of a run's span."""
    return hashlib.blake2b(run_id.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _told(context: Context, verdict: tuple[str, ActivityRecord, int]) -> tuple[Attributes, str]:
    record = verdict[1]
    attributes: Attributes = {
        "gestalt.flow.trigger_id": context.head.trigger_id,
        "gestalt.flow.run_id": context.run_id,
        "gestalt.flow.activity_id": record.activity_id,
        "gestalt.flow.attempt": len(record.attempts),
    }
    tried = len(record.attempts) > len(context.record.attempts)
    return attributes, (record.attempts[-1].error or "") if tried else ""
