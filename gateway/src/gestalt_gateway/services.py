"""Where the services other than session workers are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from urllib.parse import urlsplit


class Services(Protocol):
    """Finds one instance of a service."""

    async def address(self, name: str) -> str | None:
        """`host:port` of a live instance; None when there is none. Never raises for an absent Redis."""
        ...

    def refused(self, address: str) -> None:
        """Nobody listens there: an answer that is remembered is not to be used again."""
        ...


class FixedServices:
    """Addresses known beforehand, by service name; URLs are taken too."""

    def __init__(self, urls: Mapping[str, str | None]) -> None:
        self._addresses = {name: urlsplit(url).netloc or url for name, url in urls.items() if url}

    async def address(self, name: str) -> str | None:
        """See Services."""
        return self._addresses.get(name)

    def refused(self, address: str) -> None:
        """See Services: what is set stays."""
