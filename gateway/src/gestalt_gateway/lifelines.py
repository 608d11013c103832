"""Who must be told when what they depend on ends: a worker, a credential, this gateway itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Self

Ended = Callable[[], None]
Release = Callable[[], None]

STOPPING = "gateway:stopping"
"""The lifeline of every stream: cut once, when the process is told to stop."""


def of_worker(worker_id: str) -> str:
    """Cut when the worker's lease has run out."""
    return f"worker:{worker_id}"


def of_credential(credential: str) -> str:
    """Cut when the credential is revoked."""
    return f"credential:{credential}"


class Lifelines:
    """A registry: hold a key with what to do when it is cut; holding returns its release."""

    def __init__(self) -> None:
        self._holders: dict[str, set[Ended]] = {}

    def hold(self, key: str, ended: Ended) -> Release:
        """Call `ended` if `key` is cut before the returned release is called. Releasing twice is harmless."""
        holders = self._holders.setdefault(key, set())
        holders.add(ended)

        def release() -> None:
            holders.discard(ended)
            if not holders and self._holders.get(key) is holders:
                del self._holders[key]

        return release

    def cut(self, key: str) -> int:
        """Tell every holder of `key`; how many there were."""
        holders = list(self._holders.pop(key, ()))
        for ended in holders:
            ended()
        return len(holders)


class Ending(StrEnum):
    """Why a forwarded request was ended before its upstream was done."""

    HANGUP = "the client hung up"
    WORKER_GONE = "the worker's lease ran out"
    REVOKED = "the credential was revoked"
    STOPPING = "the gateway is stopping"
    TOO_LONG = "the upstream did not answer in time"


class Fuse:
    """A time limit that others can blow early, saying why. A context manager: leaves with TimeoutError when blown."""

    def __init__(self) -> None:
        self._limit = asyncio.timeout(None)
        self.ending: Ending | None = None

    async def __aenter__(self) -> Self:
        await self._limit.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._limit.__aexit__(kind, error, trace)

    def arm(self, seconds: float) -> None:
        """Blow as TOO_LONG unless disarmed within `seconds`."""
        if self.ending is None:
            self._limit.reschedule(asyncio.get_running_loop().time() + seconds)

    def disarm(self) -> None:
        """Wait as long as it takes."""
        if self.ending is None:
            self._limit.reschedule(None)

    def blow(self, ending: Ending) -> None:
        """End the block now; the first reason counts."""
        if self.ending is None and not self._limit.expired():
            self.ending = ending
            self._limit.reschedule(asyncio.get_running_loop().time())
