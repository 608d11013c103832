"""What the environment tells every service behind the gateway, and how settings are written (contract §2)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gestalt_contracts.durations import seconds

MIB = 1024 * 1024


def _duration(value: Any) -> Any:
    return seconds(value) if isinstance(value, str) else value


def words(value: Any) -> Any:
    """A comma-separated list, if it is text."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


Duration = Annotated[float, BeforeValidator(_duration)]
"""Seconds; also `90s`, `15m`, `1h`, `7d`."""
Words = Annotated[list[str], NoDecode, BeforeValidator(words)]
"""Comma-separated."""


class ServiceSettings(BaseSettings):
    """One field for each variable `GESTALT_<NAME>`; an empty variable is unset."""

    model_config = SettingsConfigDict(env_prefix="GESTALT_", env_ignore_empty=True, frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    """Address to listen on; the gateway is the only client."""
    port: int = 0
    """0: a free one."""
    advertise: str = ""
    """host:port that gateways reach this process by; empty: where it listens, or the machine's address for 0.0.0.0."""
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    """The Redis that all services share."""
    namespace: str = "gestalt"
    """First word of every Redis key."""
    internal_token: str = ""
    """What the gateway and the other services must present."""
    internal_token_file: Path | None = None
    """File that holds it."""
    workspace: Path = Path()
    """The directory that people work in."""

    @property
    def token(self) -> str:
        """The internal bearer, from its file if one is named."""
        if self.internal_token_file is not None:
            return self.internal_token_file.read_text().strip()
        return self.internal_token
