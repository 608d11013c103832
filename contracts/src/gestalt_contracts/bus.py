"""The bus: pub/sub with a memory (architecture §3).

A subscription is read like a journal: from where I was, then live, and loss is declared as a `Reset`, never silent.
`InMemoryBus` (bus_memory) and `RedisBus` (redis_bus) pass the same tests.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct

from gestalt_contracts.channels import Stream
from gestalt_contracts.events import Event

OLDEST = "0"
"""Cursor that asks for everything the stream still keeps."""


class Entry(Struct, frozen=True):
    """An event at its place in the stream. `id` is opaque to clients."""

    id: str
    event: Event


class Reset(Struct, frozen=True):
    """What was asked for is no longer there; what follows begins at `oldest` (None: an empty stream).

    `reason`: `trimmed`, `lost` (Redis lost its data: the cursor lies beyond the end), or `malformed`.
    """

    reason: str
    oldest: str | None


Subscription = AsyncIterator[Entry | Reset]


class BusUnavailable(Exception):
    """The bus cannot take an event, or start a subscription, now. Running subscriptions never raise it: they wait."""


class Bus(Protocol):
    """What services publish on and listen to."""

    async def publish(
        self, stream: Stream, event: Event, *, intake: bool = False, seen: str | None = None
    ) -> str | None:
        """Append and announce `event` in one step; its id. `intake` also queues it for flows.

        `seen`: a key (Names.seen) set for 24 h in the same step; when it was already set nothing is published and the
        answer is None. Raises BusUnavailable.
        """
        ...

    def subscribe(self, stream: Stream, after: str | None = None) -> AbstractAsyncContextManager[Subscription]:
        """Entering returns once the subscription is confirmed: nothing published after that is missed.

        `after`: the id of the last event the reader has (exclusive); None: from now on; OLDEST: all that is kept.
        A cursor that is malformed or not covered any more (the rule is in `cursors`) yields a Reset first, then
        everything kept. Iteration survives lost connections, and a wait for the next item may be cancelled and begun
        again. Raises BusUnavailable only on entering.
        """
        ...
