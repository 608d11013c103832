"""DELETE of a session whose worker is away: noted in the directory, obeyed when the worker returns (contract §3)."""

from __future__ import annotations

from gestalt_contracts.directory import DirectoryUnavailable
from gestalt_gateway.door import Admitted
from gestalt_gateway.live_directory import LiveDirectory
from gestalt_gateway.routing import SESSION
from gestalt_gateway.upstreams import unavailable


class Deletion:
    """Takes over from an owner that is gone."""

    def __init__(self, live: LiveDirectory) -> None:
        self._live = live

    async def noted(self, admitted: Admitted) -> bool:
        """Whether this was the deletion of a session whose worker is gone, and is noted. Raises Unavailable."""
        if (admitted.route.method, admitted.route.template) != ("DELETE", SESSION):
            return False
        try:
            place = await self._live.place(admitted.ref or "")
            if place is None or place.ended or self._live.worker(place.worker) is not None:
                return False
            return await self._live.request_end(place.uid)
        except DirectoryUnavailable as error:
            raise unavailable("directory unavailable") from error
