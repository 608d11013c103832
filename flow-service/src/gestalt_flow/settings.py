"""What the environment says to flow-service. Read once, in __main__; everything else receives values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gestalt_contracts.durations import seconds

MIB = 1024 * 1024
FLOWS = Path(".gestalt/config/flows")


def _duration(value: Any) -> Any:
    return seconds(value) if isinstance(value, str) else value


def _words(value: Any) -> Any:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


Duration = Annotated[float, BeforeValidator(_duration)]
Words = Annotated[list[str], NoDecode, BeforeValidator(_words)]


class Settings(BaseSettings):
    """One field for each variable `GESTALT_<NAME>`; an empty variable is unset."""

    model_config = SettingsConfigDict(env_prefix="GESTALT_", env_ignore_empty=True, frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    """Address to listen on; the gateway is the only client."""
    port: int = 0
    """0: a free one."""
    advertise: str = ""
    """host:port that gateways reach this replica by; empty: where it listens, or the machine's address for 0.0.0.0."""
    redis_url: str = Field(default="redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    """The Redis that all services share."""
    namespace: str = "gestalt"
    """First word of every Redis key."""
    internal_token: str = ""
    """What the gateway and the other services must present."""
    internal_token_file: Path | None = None
    """File that holds it."""
    workspace: Path = Path()
    """The directory that people work in; flows lie in `.gestalt/config/flows` below it."""
    url: str = ""
    """Where the gateway is: activities on sessions go through its API."""
    webhook_allow: Words = []
    """Names, addresses and CIDR blocks that webhooks may reach although they are not public."""
    flow_causes: int = Field(default=8, ge=1, le=100)
    """Flows that may lead to one another before the chain is stopped as a loop."""
    flow_history_runs: int = Field(default=100_000, ge=100)
    """Runs kept."""
    flow_history: Duration = 30 * 86_400.0
    """How long a run is kept."""
    flow_drain: Duration = 8.0
    """How long a stop waits for running activities; what is left goes to another replica."""
    body_limit: int = MIB
    """Largest JSON body."""
    import_limit: int = MIB
    """Largest bundle."""

    @property
    def token(self) -> str:
        """The internal bearer, from its file if one is named."""
        if self.internal_token_file is not None:
            return self.internal_token_file.read_text().strip()
        return self.internal_token

    @property
    def flows(self) -> Path:
        """Where flows lie."""
        return self.workspace.resolve() / FLOWS
