"""Where a ClickHouse is: `clickhouse://user:password@host:port/database`. Pure."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from msgspec import Struct

SCHEMES = {"clickhouse": "http", "clickhouses": "https"}
PORTS = {"http": 8123, "https": 8443}


class Location(Struct, frozen=True):
    """The address of its HTTP interface, who we are there, and the database."""

    url: str
    user: str
    password: str
    database: str

    def __repr__(self) -> str:
        return f"Location({self.url!r}, {self.user!r}, database={self.database!r})"


def located(text: str) -> Location:
    """Raises ValueError, whose message never holds the password."""
    parts = urlsplit(text)
    scheme = SCHEMES.get(parts.scheme)
    if scheme is None:
        raise ValueError(f"a store is one of {', '.join(SCHEMES)}, as in clickhouse://user:password@host:8123/otel")
    database = parts.path.strip("/")
    if not parts.hostname or "/" in database or parts.query or parts.fragment:
        raise ValueError(f"{parts.scheme}://user:password@host:port/database is what a store's address looks like")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Location(
        f"{scheme}://{host}:{parts.port or PORTS[scheme]}/",
        unquote(parts.username or "default"),
        unquote(parts.password or ""),
        unquote(database) or "default",
    )
