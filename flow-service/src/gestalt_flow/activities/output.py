"""The last lines of the session that an event is about, for templates that show them."""

from __future__ import annotations

from gestalt_flow.activities.context import Context
from gestalt_flow.activities.public_api import PublicApi, session_path
from gestalt_flow.planning import ids_of
from gestalt_flow.policy import Failed
from gestalt_flow.targets import target_of
from gestalt_flow.templates import render

DEFAULT_LINES, MOST_LINES = 50, 1_000


class Output:
    """Looked at when an activity is done, not when its event came."""

    def __init__(self, api: PublicApi) -> None:
        self._api = api

    async def tail(self, context: Context) -> str:
        """The last lines, without escape sequences; a session that cannot be read has none."""
        session = context.head.session_id or context.event.get("terminal_id")
        wanted = context.value("output_tail_lines")
        lines = DEFAULT_LINES if wanted is None else int(wanted)
        if not session or lines <= 0:
            return ""
        asked = f"history?lines={min(lines, MOST_LINES)}&format=text"
        try:
            page = await self._api.ask(context, "GET", session_path(session, asked))
        except Failed:
            return ""
        return "\n".join(page.get("lines", [])).rstrip()

    async def text(self, context: Context, key: str) -> str:
        """A text that goes to no terminal, with the output that its template asks for."""
        template = context.record.templates.get(key)
        if template is None or context.is_settled(key):
            return context.rendered(key)
        await context.settle(key, filled(context, key, template, await self.tail(context)))
        return context.rendered(key)


def filled(context: Context, key: str, template: str, tail: str) -> str:
    """A template with the output of a session."""
    record, head = context.record, context.head
    known = ids_of(head.event_id, head.trigger_id, record.activity_id)
    target = target_of(record.activity_id, key, template, record.config)
    return render(template, known, context.event, target, tail)
