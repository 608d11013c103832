"""A thousand flows against a stream of events, without Redis: what matching and planning cost."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks import budgets
from benchmarks.terminal.report import Figure
from gestalt_contracts.events import Event, now
from gestalt_flow.matching import Index
from gestalt_flow.model import Binding, Flow, Trigger
from gestalt_flow.planning import outcome_of, seen

FLOWS = 1_000
OPEN = 20
"""Flows among them that no equality narrows down: each event is held against each of these."""
TOAST = Binding("toast_notification", {"level": "info", "message_template": "Changed {{path}}"})


def flows() -> list[Flow]:
    """Flows on one event type; most name a path, some have a pattern."""
    named = [
        Flow(Trigger(id=f"named-{number}", event_type="file-change", where={"path": f"/w/{number}.py"}), (TOAST,))
        for number in range(FLOWS - OPEN)
    ]
    globbed = [
        Flow(
            Trigger(
                id=f"glob-{number}",
                event_type="file-change",
                where={},
                match=[{"field": "path", "op": "glob", "value": f"*/{number}.md"}],
            ),
            (TOAST,),
        )
        for number in range(OPEN)
    ]
    return named + globbed


def measure(*, events: int) -> Iterator[Figure]:
    """CPU of a thousand events."""
    index = Index(flows())
    stream = [
        Event(type="file-change", topic="file", occurred_at=now(), data={"path": f"/w/{n % 1_500}.py", "op": "WRITE"})
        for n in range(events)
    ]
    begun, fired = time.process_time(), 0
    for number, event in enumerate(stream):
        fired += len(outcome_of(index, seen(event, f"{number}-0"), "r").plans)
    cpu = (time.process_time() - begun) / events * 1_000
    assert fired > events / 2
    yield Figure(f"{FLOWS} flows, 1 000 events/s: one core", cpu * 100, "%", None, budgets.FLOW_MATCH)
