"""What this service counts about itself, as Prometheus reads it: taken when somebody looks."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, generate_latest

from gestalt_telemetry.store.port import Keeping

TEXT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposed(writer: Keeping, size: int, listeners: int) -> bytes:
    """The exposition. `size`: bytes on disk."""
    state = writer.state
    facts = {
        "gestalt_telemetry_writer_up": ("Whether there is a writer", float(writer.ready.is_set())),
        "gestalt_telemetry_writer_restarts": ("Writers started after the first", float(max(0, writer.restarts))),
        "gestalt_telemetry_writer_backlog_bytes": ("Taken in and not committed yet", float(writer.backlog)),
        "gestalt_telemetry_last_log_id": ("The newest log record's id", float(state.last_log if state else 0)),
        "gestalt_telemetry_damaged_segments": ("Set aside", float(state.damaged if state else 0)),
        "gestalt_telemetry_store_bytes": ("Bytes on disk", float(size)),
        "gestalt_telemetry_listeners": ("Log streams open", float(listeners)),
    }
    registry = CollectorRegistry()
    for name, (help_, value) in facts.items():
        Gauge(name, help_, registry=registry).set(value)
    return generate_latest(registry)
