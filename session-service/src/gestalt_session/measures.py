"""What operators of a worker alert on."""

from __future__ import annotations

from gestalt_contracts.service_logs import Outbox
from gestalt_serving.metrics import ServiceMetrics
from gestalt_session.service import SessionService


def watch(metrics: ServiceMetrics, service: SessionService, logs: Outbox, spans: Outbox) -> None:
    """Have it read whenever somebody looks."""
    membership = service.membership
    metrics.gauge("gestalt_sessions", "Sessions whose programs run", lambda: _live(service))
    metrics.gauge("gestalt_sessions_listed", "Sessions listed, ended ones too", lambda: len(list(service.listed())))
    metrics.gauge("gestalt_capacity", "Sessions that fit here", lambda: membership.record.capacity)
    metrics.gauge("gestalt_draining", "Whether no new session comes", lambda: membership.record.state == "draining")
    metrics.gauge("gestalt_lease_age_seconds", "Since the lease was last renewed", lambda: membership.lease_age)
    metrics.gauge("gestalt_journal_bytes", "Output kept on disk", lambda: _kept(service))
    metrics.gauge("gestalt_viewers", "Clients that watch a terminal", lambda: _viewers(service))
    metrics.gauge("gestalt_events_waiting", "Events that the bus has not taken", lambda: service.outbox.waiting)
    metrics.watch(logs, "logs")
    metrics.watch(spans, "spans")


def _live(service: SessionService) -> int:
    return sum(session.live for session in service.listed())


def _kept(service: SessionService) -> int:
    return sum(session.journal.kept for session in service.listed())


def _viewers(service: SessionService) -> int:
    return sum(len(session.audience.viewers) for session in service.listed())
