"""Which workers live, as far as this gateway can know, and which of them to ask. Pure; the clock is passed in."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gestalt_contracts.directory import LEASE_MS, WorkerRecord

GRACE_SECONDS = LEASE_MS / 1000 + 2.0
"""After Redis was away or emptied a missing lease proves nothing until workers had time to take it again."""

SUSPECT_SECONDS = 1.0
"""How long a worker that refused a connection is passed over; by then its record tells more."""

GONE = "gone"
LIVE = "live"


class WorkerTable:
    """Workers by id. What it has once seen alive it drops only on a word it may trust."""

    def __init__(self) -> None:
        self._alive: dict[str, WorkerRecord] = {}
        self._sure_from = 0.0  # before this moment "gone" may only mean that Redis forgot
        self._vanished: dict[str, float] = {}  # not listed at all: believed from then on
        self._suspects: dict[str, float] = {}  # address → when to try it again
        self._placed: dict[str, int] = {}  # sessions sent there since its last word
        self._turn = 0

    def __len__(self) -> int:
        return len(self._alive)

    def unsure(self, now: float) -> None:
        """Redis was away, or may have lost its data: leases that are missing now will be taken again."""
        self._sure_from = now + GRACE_SECONDS

    def heard(self, worker: WorkerRecord, now: float) -> bool:
        """Take one worker's record; True when it has just died."""
        if worker.state != GONE:
            known = self._alive.get(worker.id)
            if known is None or worker.seen_at != known.seen_at:
                self._placed.pop(worker.id, None)
            self._alive[worker.id] = worker
            self._vanished.pop(worker.id, None)
            return False
        if now < self._sure_from:
            return False
        return self._alive.pop(worker.id, None) is not None

    def polled(self, workers: Iterable[WorkerRecord], now: float) -> list[str]:
        """Take the whole list; the ids of those that have just died."""
        listed = {worker.id: worker for worker in workers}
        died = [worker.id for worker in listed.values() if self.heard(worker, now)]
        return died + [worker_id for worker_id in set(self._alive) - set(listed) if self._has_vanished(worker_id, now)]

    def _has_vanished(self, worker_id: str, now: float) -> bool:
        """A worker that dies stays listed as gone: one that is not listed was forgotten, and will register again."""
        if now < self._vanished.setdefault(worker_id, now + GRACE_SECONDS):
            return False
        del self._vanished[worker_id]
        return self._alive.pop(worker_id, None) is not None

    def alive(self, worker_id: str) -> WorkerRecord | None:
        """The worker, unless it is gone."""
        return self._alive.get(worker_id)

    def suspect(self, address: str, now: float) -> None:
        """Pass over whoever listened at `address` for a moment: nobody does."""
        self._suspects[address] = now + SUSPECT_SECONDS

    def any(self, avoid: Collection[str], now: float) -> WorkerRecord | None:
        """A worker in turn, those that drain only when no other is there. `avoid` are addresses."""
        candidates = self._candidates(avoid, now)
        preferred = [worker for worker in candidates if worker.state == LIVE] or candidates
        self._turn += 1
        return preferred[self._turn % len(preferred)] if preferred else None

    def placement(self, avoid: Collection[str], now: float) -> WorkerRecord | None:
        """The live worker with most free capacity, what was placed since its last word counted in."""
        candidates = [worker for worker in self._candidates(avoid, now) if worker.state == LIVE]
        if not candidates:
            return None
        chosen = max(candidates, key=self._free)
        self._placed[chosen.id] = self._placed.get(chosen.id, 0) + 1
        return chosen

    def _free(self, worker: WorkerRecord) -> int:
        return worker.capacity - worker.sessions - self._placed.get(worker.id, 0)

    def _candidates(self, avoid: Collection[str], now: float) -> list[WorkerRecord]:
        self._suspects = {address: until for address, until in self._suspects.items() if until > now}
        there = [worker for worker in self._alive.values() if worker.address not in avoid]
        return [worker for worker in there if worker.address not in self._suspects] or there
