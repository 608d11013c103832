"""What the environment says to flow-service. Read once, in __main__; everything else receives values."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from gestalt_serving.settings import MIB, Duration, ServiceSettings, Words

FLOWS = Path(".gestalt/config/flows")


class Settings(ServiceSettings):
    """One field for each variable `GESTALT_<NAME>`."""

    workspace: Path = Path()
    """The directory that people work in; flows lie in `.gestalt/config/flows` below it."""
    url: str = ""
    """Where the gateway is: activities on sessions go through its API."""
    webhook_allow: Words = Field(default_factory=list)
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
    def flows(self) -> Path:
        """Where flows lie."""
        return self.workspace.resolve() / FLOWS
