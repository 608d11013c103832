"""Sends what is queued to the remote end, oldest first, for as long as it takes."""

from __future__ import annotations

import asyncio
import gzip
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import aiohttp
import structlog
from msgspec import Struct

from gestalt_serving.metrics import ServiceMetrics
from gestalt_telemetry.forwarding.policy import MOST_SECONDS, Verdict, pause, retry_after, verdict
from gestalt_telemetry.forwarding.queue import Queue, Waiting
from gestalt_telemetry.forwarding.requests import request_of
from gestalt_telemetry.store.wire import Write

AGENT = "gestalt-forwarder"
"""How the remote end knows us. What comes from one of our kind is not passed on again: two may name each other."""

TOGETHER = 4
"""Requests under way at once."""

ANSWER_SECONDS = 30.0
LOCK_SECONDS = 1.0
"""How often a folder that another process still has is asked for."""

OPEN_SECONDS = 5.0
"""How long a request waits for that; longer, and it is not passed on."""

TYPES = {"protobuf": "application/x-protobuf", "json": "application/json"}

log = structlog.get_logger()


class Remote(Struct, frozen=True):
    """Where to: `url` without `/v1/…`. `headers` may hold secrets."""

    url: str
    headers: Mapping[str, str]


class Answered(Struct, frozen=True):
    """What became of one request. `asked`: seconds that the remote end wants to be left alone."""

    outcome: Verdict
    reason: str = ""
    asked: float = 0.0


class Forwarder:
    """`take` keeps, `run` sends. `limit`: longest body, bytes."""

    def __init__(
        self, queue: Queue, remote: Remote, *, limit: int, jitter: Callable[[], float] = random.random
    ) -> None:
        self._queue = queue
        self._remote = remote
        self._limit = limit
        self._jitter = jitter
        self._turn = asyncio.Lock()
        self._open = asyncio.Event()
        self._news = asyncio.Event()
        self.sent = 0
        self.refused = 0
        self.unkept = 0
        self._failing = ""
        self._failures = 0

    def watch(self, metrics: ServiceMetrics) -> None:
        """Count for operators."""
        queue = self._queue
        metrics.counter("gestalt_forward_sent", "Requests that the remote end took", lambda: self.sent)
        metrics.gauge("gestalt_forward_queued", "Requests that wait on disk", lambda: len(queue))
        metrics.gauge("gestalt_forward_queued_bytes", "What they take", lambda: queue.size)
        metrics.counter("gestalt_forward_dropped", "Requests lost: no room, refused, or no disk", lambda: self.dropped)

    @property
    def dropped(self) -> int:
        """How many requests the remote end will never see."""
        return self._queue.dropped + self.refused + self.unkept

    async def take(self, write: Write) -> None:
        """Keep what was stored; once this returns it survives the end of this process."""
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._open.wait()
            async with self._turn:
                await asyncio.to_thread(self._keep, write)
        except OSError as error:  # TimeoutError is one
            self.unkept += 1
            log.warning("a request cannot be queued for the remote end", error=str(error))
        self._news.set()

    def _keep(self, write: Write) -> None:
        form, body, packed = request_of(write, self._limit)
        self._queue.put(write.signal, form, body, gzip=packed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the connections and the folder."""
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        headers = {**self._remote.headers, "User-Agent": AGENT}
        async with aiohttp.ClientSession(timeout=timeout, headers=headers, trust_env=True) as self._session:
            sending = asyncio.create_task(self._run(), name="forward telemetry")
            try:
                yield
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                self._queue.close()

    async def _run(self) -> None:
        while True:
            try:
                await self._step()
            except Exception:
                log.exception("forwarding failed; it goes on")
                await asyncio.sleep(MOST_SECONDS)

    async def _step(self) -> None:
        if not self._open.is_set():
            await self._take_folder()
        elif len(self._queue):
            await self._round()
        else:
            self._news.clear()
            await self._news.wait()

    async def _take_folder(self) -> None:
        if await asyncio.to_thread(self._queue.open):
            self._open.set()
        else:
            await asyncio.sleep(LOCK_SECONDS)

    async def _round(self) -> None:
        """Send the oldest few; a pause when one has to come again."""
        async with self._turn:
            oldest = self._queue.oldest(TOGETHER)
        answers = await asyncio.gather(*(self._send(waiting) for waiting in oldest))
        bad = [one for one in answers if one.outcome is Verdict.AGAIN]
        self._failures = self._failures + 1 if bad else 0
        self._tell(bad)
        if bad:
            await asyncio.sleep(pause(self._failures, max(one.asked for one in bad), self._jitter))

    def _tell(self, bad: list[Answered]) -> None:
        """Say what is wrong once, and when it is over."""
        reason = bad[0].reason if bad else ""
        if reason and not self._failing:
            log.warning("the remote end does not take telemetry; it is queued", reason=reason)
        elif self._failing and not reason:
            log.info("the remote end takes telemetry again", queued=len(self._queue))
        self._failing = reason

    async def _send(self, waiting: Waiting) -> Answered:
        try:
            answered = await self._exchange(waiting)
        except (aiohttp.ClientError, OSError) as error:
            return Answered(Verdict.AGAIN, f"{type(error).__name__}: {error}")
        if answered.outcome is Verdict.REFUSED:
            self.refused += 1
            log.warning(
                "the remote end refused a request; it is dropped", signal=waiting.signal, reason=answered.reason
            )
        if answered.outcome is not Verdict.AGAIN:
            async with self._turn:
                await asyncio.to_thread(self._queue.remove, waiting)
        return answered

    async def _exchange(self, waiting: Waiting) -> Answered:
        body = await asyncio.to_thread(self._packed, waiting)
        if body is None:
            return Answered(Verdict.SENT)
        headers = {"Content-Type": TYPES[waiting.form], "Content-Encoding": "gzip"}
        url = f"{self._remote.url}/v1/{waiting.signal}"
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            asked = retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))
            outcome = verdict(answer.status)
        self.sent += outcome is Verdict.SENT
        return Answered(outcome, f"answered {answer.status}", asked)

    def _packed(self, waiting: Waiting) -> bytes | None:
        body = self._queue.body(waiting)
        return gzip.compress(body, 5) if body is not None and not waiting.gzip else body
