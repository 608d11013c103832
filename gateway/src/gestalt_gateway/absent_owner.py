"""What can be answered for workers that are away: the list, and the deletion of what they hold (contract §3)."""

from __future__ import annotations

from gestalt_contracts.directory import Directory, DirectoryUnavailable
from gestalt_gateway.answers import Answer, accepted, json_answer
from gestalt_gateway.door import Admitted
from gestalt_gateway.live_directory import LiveDirectory
from gestalt_gateway.routing import SESSION
from gestalt_gateway.upstreams import unavailable

DELETE = ("DELETE", SESSION)
LIST = ("GET", "/api/sessions")


class AbsentOwner:
    """Speaks from the directory."""

    def __init__(self, directory: Directory, live: LiveDirectory) -> None:
        self._directory = directory
        self._live = live

    async def answer(self, admitted: Admitted) -> Answer | None:
        """202 when a session's worker is gone: its deletion is noted and obeyed when the worker returns.

        None: somebody else is to answer. Raises Unavailable.
        """
        if (admitted.route.method, admitted.route.template) != DELETE:
            return None
        try:
            place = await self._live.place(admitted.ref or "")
            if place is None or place.ended or self._live.worker(place.worker) is not None:
                return None
            return accepted() if await self._directory.request_end(place.uid) else None
        except DirectoryUnavailable as error:
            raise unavailable("directory unavailable") from error

    async def answer_instead(self, admitted: Admitted) -> Answer | None:
        """The list of sessions as the directory has it, when no worker could answer. None: there is no substitute."""
        if (admitted.route.method, admitted.route.template) != LIST:
            return None
        try:
            return json_answer([record.summary for record in await self._directory.sessions()])
        except DirectoryUnavailable:
            return None
