"""A toast: one message on the notifications stream."""

from __future__ import annotations

from typing import Any

from gestalt_contracts.bus import Bus, BusUnavailable
from gestalt_contracts.channels import Names, Stream
from gestalt_contracts.events import Event, now
from gestalt_flow.activities.context import Context
from gestalt_flow.activities.output import Output
from gestalt_flow.policy import Done, Failed

TOAST = "toast"
MESSAGE = "message_template"


class Toasts:
    """Publishes toasts, each once for its activity."""

    def __init__(self, bus: Bus, names: Names, output: Output) -> None:
        self._bus = bus
        self._names = names
        self._output = output

    async def toast_notification(self, context: Context) -> Done:
        """Show a message."""
        message = (await self._output.text(context, MESSAGE)).strip()
        if not message:
            raise Failed("the message is empty")
        data = {"level": context.text("level").lower(), "message": message, "event_id": context.head.event_id}
        try:
            await self._bus.publish(
                Stream.NOTIFICATIONS, toast(data, context), seen=self._names.seen("flow", context.unique)
            )
        except BusUnavailable as error:
            raise Failed(f"Redis is away: {error}", lasting=False) from error
        return Done()


def toast(data: dict[str, Any], context: Context) -> Event:
    """The event of a toast."""
    return Event(
        type=TOAST,
        topic=TOAST,
        occurred_at=now(),
        session_id=context.head.session_id,
        data=data,
        actor="flow",
        cause=context.head.cause,
    )
