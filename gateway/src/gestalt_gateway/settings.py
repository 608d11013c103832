"""What an operator may set, by environment variable; an empty one is unset (contract §2, Settings)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gestalt_gateway.hosts import is_loopback_bind, origin_of
from gestalt_serving.settings import MIB, Duration, Words


class GatewaySettings(BaseSettings):
    """Every setting of the gateway. Each is `GESTALT_<NAME>`, but for REDIS_URL."""

    model_config = SettingsConfigDict(
        env_prefix="GESTALT_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True, populate_by_name=True
    )

    host: str = "127.0.0.1"
    """Address to listen on. Any other than loopback needs a token."""

    port: int = Field(default=57417, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""

    listen_fd: int | None = None
    """A listening socket inherited from whoever starts us, instead: clients wait in its backlog while we restart."""

    token: SecretStr | None = None
    """What callers must present; unset: nobody is asked."""

    token_file: Path | None = None
    """A file that holds the token instead."""

    insecure: bool = False
    """Listen beyond loopback without a token."""

    internal_token: SecretStr | None = None
    """What services demand of one another; required."""

    internal_token_file: Path | None = None
    """A file that holds it instead."""

    redis_url: str = Field(default="redis://127.0.0.1:6379/0", validation_alias="REDIS_URL")
    """Where Redis is: redis://, rediss:// or unix://."""

    namespace: str = "gestalt"
    """The first word of every key in Redis: two Gestalts share a server by different ones."""

    public_url: str | None = None
    """How the outside reaches this gateway, for example https://gestalt.example.org."""

    allowed_hosts: Words = []
    """Further Host headers served; one without a port matches every port."""

    allowed_origins: Words = []
    """Further origins whose pages may act here."""

    rate_limit: float = Field(default=0.0, ge=0)
    """Requests a second for each caller; 0: no limit."""

    traces_per_second: float = Field(default=50.0, ge=0)
    """Requests a second that are told as traces; further ones are answered all the same."""

    login_ttl: Duration = 30 * 86_400.0
    """How long a login cookie is valid."""

    flow_url: str | None = None
    """Where flow-service is; unset: found by its heartbeat."""

    telemetry_url: str | None = None
    """Where telemetry-service is; unset: found by its heartbeat."""

    json_limit: int = Field(default=MIB, gt=0)
    """Longest JSON body, bytes."""

    input_limit: int = Field(default=MIB, gt=0)
    """Longest terminal input, bytes."""

    otlp_limit: int = Field(default=16 * MIB, gt=0)
    """Longest OTLP body, bytes."""

    import_limit: int = Field(default=MIB, gt=0)
    """Longest flow bundle, bytes."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least that is logged."""

    @model_validator(mode="after")
    def _check(self) -> GatewaySettings:
        if self.public_url is not None and origin_of(self.public_url) is None:
            raise ValueError(f"GESTALT_PUBLIC_URL is not a URL with a host: {self.public_url}")
        if not self.internal_bearer:
            raise ValueError("GESTALT_INTERNAL_TOKEN (or GESTALT_INTERNAL_TOKEN_FILE) is required")
        if not (self.server_token or self.insecure or is_loopback_bind(self.host)):
            raise ValueError(
                f"listening on {self.host} without GESTALT_TOKEN would open every terminal to the network; "
                "set a token, or GESTALT_INSECURE=1"
            )
        return self

    @property
    def server_token(self) -> str | None:
        """The token callers must present."""
        return _secret(self.token, self.token_file)

    @property
    def internal_bearer(self) -> str:
        """The token services demand."""
        return _secret(self.internal_token, self.internal_token_file) or ""


def _secret(value: SecretStr | None, file: Path | None) -> str | None:
    if value is not None:
        return value.get_secret_value()
    return file.read_text(encoding="utf-8").strip() or None if file is not None else None
