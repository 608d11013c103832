"""What `gestalt up` was asked to do."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class Options(Struct, frozen=True, kw_only=True):
    """The flags of `gestalt up`, each from its variable where it was not given.

    `token` empty: none is demanded. `redis_url` None: bring a Redis along. `environment` is that of `up`, which the
    services inherit.
    """

    host: str
    port: int
    workers: int
    workspace: Path
    data: Path
    token: str
    redis_url: str | None
    namespace: str
    kill_sessions: bool
    insecure: bool
    environment: dict[str, str]
