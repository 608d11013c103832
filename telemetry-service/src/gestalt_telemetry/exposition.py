"""What operators of this service alert on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gestalt_serving.metrics import ServiceMetrics
from gestalt_telemetry.refusals import StoreUnreadable, TookTooLong
from gestalt_telemetry.store.port import Keeping

LOOK_SECONDS = 60.0

log = structlog.get_logger()


class Disk:
    """How much the store takes, as of the last look: it costs a walk over its files."""

    size = 0
    """Bytes."""

    async def look_forever(self, measure: Callable[[], Awaitable[int]]) -> None:
        """Once a minute; a store that cannot say keeps the last word."""
        while True:
            try:
                self.size = await measure()
            except (StoreUnreadable, TookTooLong) as error:
                log.warning("the store cannot be measured", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)


def watch(
    metrics: ServiceMetrics,
    writer: Keeping,
    disk: Disk,
    *,
    listeners: Callable[[], int],
    delay: Callable[[], float],
) -> None:
    """Have it read whenever somebody looks. `delay`: seconds from telling to storing, of our own services."""
    metrics.gauge("gestalt_telemetry_writer_up", "Whether there is a writer", writer.ready.is_set)
    metrics.counter(
        "gestalt_telemetry_writer_restarts", "Writers started after the first", lambda: max(0, writer.restarts)
    )
    metrics.gauge("gestalt_telemetry_writer_backlog_bytes", "Taken in and not committed yet", lambda: writer.backlog)
    metrics.gauge("gestalt_telemetry_last_log_id", "The newest log record's id", lambda: _last_log(writer))
    metrics.gauge("gestalt_telemetry_damaged_segments", "Set aside", lambda: _damaged(writer))
    metrics.gauge("gestalt_telemetry_store_bytes", "Bytes on disk", lambda: disk.size)
    metrics.gauge("gestalt_telemetry_listeners", "Log streams open", listeners)
    metrics.gauge("gestalt_telemetry_own_delay_seconds", "From a service's word to its place in the store", delay)


def _last_log(writer: Keeping) -> int:
    return writer.state.last_log if writer.state else 0


def _damaged(writer: Keeping) -> int:
    return writer.state.damaged if writer.state else 0
