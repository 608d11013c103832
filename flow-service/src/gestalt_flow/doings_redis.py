"""What is at work for flows, in Redis: whoever reads an event knows what any replica has begun."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import structs
from redis.asyncio import Redis

from gestalt_contracts.channels import FlowNames
from gestalt_contracts.events import Event
from gestalt_contracts.redis_client import away_as
from gestalt_contracts.redis_scripts import Scripts, Word
from gestalt_flow.clock import milliseconds_of, now_ms
from gestalt_flow.doings import (
    ENDS,
    LIVES,
    LONGEST_MS,
    SILENT_MS,
    TOPICS,
    Doing,
    after,
    blamed,
    changed_by,
    is_over,
    root_of,
)
from gestalt_flow.intake_redis import Arrived
from gestalt_flow.records import Head
from gestalt_flow.runs_redis import PACKAGE, RunsUnavailable

OVER = "over/"
"""Keys of ends that came before their beginnings were known begin so."""
SAVE = "save/"
"""And those of saves of flows."""
_decoder = msgspec.json.Decoder(Doing)
Known = dict[str, tuple[bytes, Doing]]


class Doings:
    """One replica's view. Every call raises RunsUnavailable."""

    def __init__(self, client: Redis, names: FlowNames, workspace: Path) -> None:
        self._client = client
        self._names = names
        self._scripts = Scripts(client, PACKAGE)
        self._workspace = workspace.resolve()

    # -- what begins

    @asynccontextmanager
    async def command(self, key: str, head: Head, cwd: str) -> AsyncIterator[dict[str, Any]]:
        """Around the start of a program in a session of its own, whose summary is put into what this gives.

        It counts from before it begins, for its first write may be heard of before its start has been answered.
        """
        root = await asyncio.to_thread(root_of, cwd, self._workspace)
        doing = Doing(root, now_ms(), cause=head.cause)
        await self._put(key, doing)
        started: dict[str, Any] = {}
        try:
            yield started
        finally:
            if started:
                await self._put(key, structs.replace(doing, session=started["id"], uid=started["uid"]))
            else:
                await self._put(key, structs.replace(doing, ended=now_ms()))

    async def typed(self, head: Head, session: dict[str, Any], *, is_active: bool) -> None:
        """A flow types into a session, which is at work from then on if it shows it."""
        root = await asyncio.to_thread(root_of, str(session.get("cwd") or ""), self._workspace)
        now, uid = now_ms(), str(session["uid"])
        ended = None if is_active else now + SILENT_MS
        await self._put(uid, Doing(root, now, ended, head.cause, session=str(session["id"]), uid=uid, typed=True))

    @asynccontextmanager
    async def saving(self, folder: Path) -> AsyncIterator[None]:
        """Around a save of flows; what nobody can be told of is not saved."""
        name, doing = f"{SAVE}{uuid.uuid4().hex}", Doing(str(folder), now_ms())
        await self._put(name, doing)
        try:
            yield
        finally:
            await self._put(name, structs.replace(doing, ended=now_ms()))

    # -- what it leads to

    async def explained(self, arrived: Sequence[Arrived]) -> list[Arrived]:
        """Events with what led to them, as far as that can be told; those of a save of flows count as none."""
        if not any(one.event and (one.event.topic in TOPICS or one.event.type in LIVES) for one in arrived):
            return list(arrived)
        known = await self._known()
        return [await self._explained(one, known) for one in arrived]

    async def _explained(self, one: Arrived, known: Known) -> Arrived:
        if one.event is None:
            return one
        if one.event.type in LIVES and one.event.session_uid:
            await self._follow(one.event, known)
        if one.event.topic not in TOPICS:
            return one
        doings = [doing for key, (_, doing) in known.items() if not key.startswith(OVER)]
        doing = changed_by(one.event, doings, str(self._workspace))
        if doing is None:
            return one
        return structs.replace(one, event=blamed(one.event, doing) if doing.cause else None)

    async def _follow(self, event: Event, known: Known) -> None:
        """Keep what an event says of a session that is at work.

        A program may have ended before anybody could say which session it has: its end waits for that.
        """
        of_session = [(key, *known[key]) for key in known if known[key][1].uid == event.session_uid]
        if not of_session and event.type in ENDS and event.cause is not None:
            moment = milliseconds_of(event.occurred_at)
            await self._put(f"{OVER}{event.session_uid}", Doing("", moment, moment, uid=event.session_uid or ""))
        for key, raw, doing in of_session:
            then = after(doing, event)
            if then != doing:
                await self._change(key, raw, then)
                del known[key]
                if then is not None:
                    known[key] = msgspec.json.encode(then), then

    async def _known(self) -> Known:
        with away_as(RunsUnavailable):
            found: Any = await self._client.hgetall(self._names.doings)
        known = {str(key, "utf-8"): (raw, _decoder.decode(raw)) for key, raw in found.items()}
        ends = {doing.uid: doing.ended for key, (_, doing) in known.items() if key.startswith(OVER)}
        for key, (raw, doing) in list(known.items()):
            if doing.ended is None and doing.uid in ends:
                known[key] = raw, structs.replace(doing, ended=ends[doing.uid])
            if is_over(known[key][1], now_ms()):
                await self._change(key, known.pop(key)[0], None)
        return known

    async def _put(self, key: str, doing: Doing) -> None:
        pipe = self._client.pipeline(transaction=False)
        pipe.hset(self._names.doings, key, msgspec.json.encode(doing))
        pipe.pexpire(self._names.doings, LONGEST_MS)
        with away_as(RunsUnavailable):
            await pipe.execute()

    async def _change(self, key: str, was: bytes, then: Doing | None) -> None:
        """Unless a flow has set it to work anew meanwhile."""
        arguments: list[Word] = [key, was, b"" if then is None else msgspec.json.encode(then)]
        with away_as(RunsUnavailable):
            await self._scripts.run("change", [self._names.doings], arguments)
