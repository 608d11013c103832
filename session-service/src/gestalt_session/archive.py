"""What sessions wrote, readable after their end too: in this worker's slot, or in another's on the same volume."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from msgspec import Struct

from gestalt_contracts.directory import Directory, DirectoryUnavailable
from gestalt_contracts.errors import Misdirected, NotFound, worker_unavailable
from gestalt_session.service import SessionService
from gestalt_session.terminal.folder import SessionFile, SessionFolder

AWAY = "unreachable"


class Kept(Struct, frozen=True):
    """A session's folder and its file."""

    folder: SessionFolder
    file: SessionFile


class Archive:
    """Finds the folder of a session."""

    def __init__(self, service: SessionService, directory: Directory, slots: Path) -> None:
        self._service = service
        self._directory = directory
        self._slots = slots

    async def find(self, ref: str, forwarded_uid: str | None) -> Kept:
        """A session of ours, or any that has ended or is lost. Raises NotFound, Misdirected, Unavailable."""
        try:
            session = self._service.held(ref, forwarded_uid)
        except (NotFound, Misdirected):
            return await self._past(forwarded_uid or ref)
        return Kept(session.folder, session.file)

    async def _past(self, ref: str) -> Kept:
        try:
            record = await self._directory.find(ref)
        except DirectoryUnavailable:
            record = None
        if record is not None and not record.ended and record.status != "lost":
            if record.status == AWAY:
                raise worker_unavailable()
            raise Misdirected(f"session {record.uid} is not held by this worker")
        return await self.on_disk(record.uid if record is not None else ref)

    async def on_disk(self, uid: str) -> Kept:
        """Whatever lies on this volume under a uid. Raises NotFound."""
        return await asyncio.to_thread(self._on_disk, uid)

    def _on_disk(self, uid: str) -> Kept:
        if "/" in uid or uid in {"", ".", ".."}:
            raise NotFound("terminal not found")
        for path in self._slots.glob(f"*/sessions/{glob_escape(uid)}"):
            folder = SessionFolder(path)
            try:
                return Kept(folder, folder.load())
            except (OSError, msgspec.MsgspecError):
                continue
        raise NotFound("terminal not found")


def glob_escape(text: str) -> str:
    """A uid that came from outside, as a literal."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)
