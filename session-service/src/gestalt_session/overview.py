"""The list of all sessions, whoever owns them.

It comes from the directory, with this worker's own sessions exact; without Redis, from the directory's last copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from gestalt_contracts.directory import Directory, DirectoryUnavailable, SessionRecord, WorkerRecord
from gestalt_contracts.errors import Unavailable
from gestalt_session.service import SessionService
from gestalt_session.terminal.clock import moment
from gestalt_session.terminal.session import Session


class Overview:
    """Summaries and workers, as the API shows them."""

    def __init__(self, service: SessionService, directory: Directory) -> None:
        self._service = service
        self._directory = directory
        self._sessions: list[SessionRecord] = []
        self._workers: list[WorkerRecord] = []

    async def sessions(self) -> list[dict[str, Any]]:
        """Every listed session, by creation."""
        with suppress(DirectoryUnavailable):  # the last copy answers then: a list that is a little old beats none
            self._sessions = await self._directory.sessions()
        own = {session.uid: session for session in self._service.listed()}
        mine = self._service.membership.record.id
        others = [record for record in self._sessions if record.uid not in own and record.worker != mine]
        unwanted = {record.uid for record in self._sessions if record.end_requested or record.name_lost}
        listed = [(record.created_at, record.uid, self.shown(record)) for record in others if not record.ended] + [
            (session.file.created_at, uid, self._own(session, unwanted=uid in unwanted)) for uid, session in own.items()
        ]
        return [summary for _, _, summary in sorted(listed, key=lambda entry: entry[:2])]

    def _own(self, session: Session, *, unwanted: bool) -> dict[str, Any]:
        """A summary of ours; what was deleted, or lost its name, while we were away is as good as ended."""
        summary = self._service.summary(session)
        return summary | {"status": "closing"} if unwanted and session.live else summary

    def shown(self, record: SessionRecord) -> dict[str, Any]:
        """A record's summary with the directory's judgement of its status."""
        status = "closing" if record.end_requested else record.status
        return dict(record.summary) | {"status": status}

    async def workers(self) -> list[Mapping[str, Any]]:
        """Every known worker. Raises Unavailable when the directory is away and has never answered."""
        try:
            self._workers = await self._directory.workers()
        except DirectoryUnavailable as error:
            if not self._workers:
                raise Unavailable("the directory of workers is away") from error
        return [worker_shown(worker) for worker in self._workers]


def worker_shown(worker: WorkerRecord) -> Mapping[str, Any]:
    """A worker as contract §1 shows it."""
    return {
        "id": worker.id,
        "pid": worker.pid,
        "host": worker.host,
        "state": worker.state,
        "sessions": worker.sessions,
        "capacity": worker.capacity,
        "journal_bytes": worker.journal_bytes,
        "version": worker.version,
        "started_at": moment(worker.started_at),
        "seen_at": moment(worker.seen_at),
    }
