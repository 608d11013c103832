"""The bus over Redis: a stream and a pub/sub channel of the same name (architecture §3).

Publishing is one script. A subscription reads the stream from its place, then follows the channel; what the channel
brings lies in a window that all subscriptions of the process share, so each of them is a place and one page. One that
falls out of the window, or whose connection was lost, reads the stream again. Whether its place is still covered is
decided by the rule in `cursors`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from gestalt_contracts.bell import Bell
from gestalt_contracts.bus import BusUnavailable, Entry, Reset, Subscription
from gestalt_contracts.channels import INTAKE_GROUP, INTAKE_KEPT, KEPT, Names, Stream
from gestalt_contracts.cursors import MALFORMED, START, Extent, Place, first_place, first_sequence, gap
from gestalt_contracts.events import Event, decode, encode
from gestalt_contracts.redis_channel import Channel
from gestalt_contracts.redis_client import away_as
from gestalt_contracts.redis_scripts import Scripts, Word
from gestalt_contracts.window import Window

PAGE = 64
"""Entries a reader takes at once, from the window or from the stream."""

SEEN_SECONDS = 86_400
"""How long a `seen` key stops a second publication."""

RETRY_SECONDS = 0.25
"""Pause of a running subscription that could not read the stream."""

log = logging.getLogger(__name__)


class Page(Struct, frozen=True):
    """A part of a stream. An entry that cannot be decoded is None: skipped, but its place counts."""

    kept: Extent
    held: bool
    entries: list[Entry | None]
    last: Place | None


class Feed:
    """What this process hears of one stream."""

    def __init__(self, client: Redis, scripts: Scripts, names: Names, stream: Stream) -> None:
        self._scripts = scripts
        self._key = names.stream(stream)
        self.channel = Channel(client, self._key, self._on_link, self._on_message)
        self.window: Window[Entry | None] = Window()
        self.link = 0
        self.bell = Bell()

    async def read(self, after: Place, entries: int = PAGE) -> Page:
        """What follows `after` in the stream. Raises BusUnavailable."""
        with away_as(BusUnavailable):
            page = await self._scripts.run("read", [self._key], [str(after), entries])
        held, oldest, before, newest, found = page
        kept = Extent(_place(oldest) if oldest else None, _place(newest), _place(before))
        last = _place(found[-1][0]) if found else None
        return Page(kept, bool(held), [_entry(id_, raw) for id_, _, raw in found], last)

    async def recovery(self) -> None:
        """Wait after a failed read: for the next connection, or a moment when the channel still stands."""
        if self.channel.is_linked:
            await asyncio.sleep(RETRY_SECONDS)
        else:
            await self.bell.wait()

    def _on_link(self) -> None:
        """Whoever reads along must look at the stream once: something may have been missed."""
        self.link += 1
        self.bell.ring()

    def _on_message(self, message: bytes) -> None:
        before, id_, raw = message.split(b" ", 2)
        if _place(before) == START:
            self.link += 1  # a stream that begins anew: those who know an older one must look at it
        self.window.append(_place(before), _place(id_), _entry(id_, raw), len(raw))
        self.bell.ring()


class RedisSubscription:
    """A reader's place in a stream. Cancelling a wait for the next item loses nothing."""

    def __init__(self, feed: Feed, place: Place, reset: Reset | None) -> None:
        self._feed = feed
        self._place = place
        self._link = 0  # the link under which the stream was read to its end; it starts with 1
        self._given: deque[Entry | Reset] = deque([reset] if reset else [])

    def __aiter__(self) -> AsyncIterator[Entry | Reset]:
        return self

    async def __anext__(self) -> Entry | Reset:
        """The next entry, or what became of the reader's place."""
        while not self._given:
            if self._link == self._feed.link:
                await self._follow()
            else:
                await self._read()
        return self._given.popleft()

    async def _follow(self) -> None:
        found = self._feed.window.after(self._place, PAGE)
        if found is None:
            self._link = 0
        elif found[0]:
            self._give(*found)
        else:
            await self._feed.bell.wait()

    async def _read(self) -> None:
        link = self._feed.link
        try:
            page = await self._feed.read(self._place)
        except BusUnavailable:
            await self._feed.recovery()
            return
        reason = gap(self._place, page.kept, held=page.held)
        if reason is not None:
            self._given.append(_reset(reason, page.kept))
            self._place = page.kept.before
        elif page.last is not None:
            self._give(page.entries, page.last)
        else:
            self._link = link

    def _give(self, entries: Sequence[Entry | None], last: Place) -> None:
        self._given.extend(entry for entry in entries if entry is not None)
        self._place = last


class RedisBus:
    """A Bus over the Redis behind `client`, with the keys of `names`; `kept` entries of each stream, about."""

    def __init__(
        self,
        client: Redis,
        names: Names,
        *,
        kept: Mapping[Stream, int] = KEPT,
        intake_kept: int = INTAKE_KEPT,
    ) -> None:
        self._scripts = Scripts(client)
        self._names = names
        self._kept = kept
        self._intake_kept = intake_kept
        self._feeds = {stream: Feed(client, self._scripts, names, stream) for stream in Stream}

    async def publish(
        self, stream: Stream, event: Event, *, intake: bool = False, seen: str | None = None
    ) -> str | None:
        """As Bus.publish, within two seconds. An event whose publication raised may yet have been taken."""
        names = self._names
        keys = [names.stream(stream), seen or names.stream(stream), names.intake, names.intake_dropped]
        arguments: list[Word] = [
            encode(event),
            self._kept[stream],
            SEEN_SECONDS if seen else "",
            self._intake_kept if intake else "",
            INTAKE_GROUP,
            first_sequence(),
        ]
        with away_as(BusUnavailable):
            answer = await self._scripts.run("publish", keys, arguments)
        if answer is None:
            return None
        id_, dropped = answer
        if dropped:
            log.warning("the intake is full: %d events that flows had not processed were dropped", dropped)
        return str(id_, "ascii")

    @asynccontextmanager
    async def subscribe(self, stream: Stream, after: str | None = None) -> AsyncIterator[Subscription]:
        """As Bus.subscribe."""
        feed = self._feeds[stream]
        async with feed.channel.listening():
            with away_as(BusUnavailable):
                await feed.channel.linked()
            kept = (await feed.read(START, entries=0)).kept
            place = first_place(after, kept)
            if place is None:
                yield RedisSubscription(feed, kept.before, _reset(MALFORMED, kept))
            else:
                yield RedisSubscription(feed, place, None)


def _reset(reason: str, kept: Extent) -> Reset:
    return Reset(reason, str(kept.oldest) if kept.oldest else None)


def _entry(id_: bytes, raw: bytes) -> Entry | None:
    text = str(id_, "ascii")
    try:
        return Entry(text, decode(raw))
    except msgspec.MsgspecError as error:
        log.warning("skipped entry %s, which is no event: %s", text, error)
        return None


def _place(id_: bytes) -> Place:
    milliseconds, _, sequence = id_.partition(b"-")
    return Place(int(milliseconds), int(sequence))
