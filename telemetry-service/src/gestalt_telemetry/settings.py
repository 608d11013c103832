"""What the environment says to telemetry-service. Read once, in __main__; everything else receives values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from gestalt_contracts.durations import seconds
from gestalt_telemetry.clickhouse.location import Location, located

MIB = 1024 * 1024


def _duration(value: Any) -> Any:
    return seconds(value) if isinstance(value, str) else value


def _location(value: Any) -> Any:
    return located(value) if isinstance(value, str) else value


Duration = Annotated[float, BeforeValidator(_duration)]


class Settings(BaseSettings):
    """One field for each variable `GESTALT_<NAME>`; an empty variable is unset."""

    model_config = SettingsConfigDict(env_prefix="GESTALT_", env_ignore_empty=True, frozen=True, extra="ignore")

    host: str = "127.0.0.1"
    """Address to listen on; the gateway is the only client."""
    port: int = 0
    """0: a free one."""
    advertise: str = ""
    """host:port that gateways reach this service by; empty: where it listens, or the machine's address for 0.0.0.0."""
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
    data_dir: Path | None = None
    """Where the store's folder lies; default: `.gestalt` in the workspace."""
    otlp_limit: int = Field(default=16 * MIB, gt=0)
    """Longest OTLP body, bytes, packed and unpacked."""
    telemetry_store: Annotated[Location | None, BeforeValidator(_location)] = None
    """Keeps records instead of files here: clickhouse://user:password@host:8123/database, clickhouses:// with TLS."""
    telemetry_retention: Duration = Field(default=14 * 86_400.0, gt=0)
    """How long records are kept, by their arrival."""
    telemetry_size: int = Field(default=4096 * MIB, ge=MIB)
    """Bytes on disk at most; the oldest segments go first."""
    telemetry_segment_records: int = Field(default=500_000, ge=100)
    """Records in one segment: what is dropped at once."""
    otel_remote_endpoint: str = ""
    """Another OTLP endpoint (http:// or https://, without /v1/…) that what is stored is passed on to."""
    otel_remote_headers: str = Field(default="", repr=False)
    """Headers for it, as OTEL_EXPORTER_OTLP_HEADERS has them: name=value, comma-separated, values percent-encoded."""
    otel_remote_headers_file: Path | None = None
    """File that holds them."""
    otel_remote_queue: int = Field(default=256 * MIB, ge=MIB)
    """Bytes on disk that may wait for it; the oldest go first."""

    @field_validator("otel_remote_endpoint")
    @classmethod
    def _is_an_endpoint(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment):
            raise ValueError("it is no http:// or https:// URL of an endpoint")
        return value.rstrip("/")

    @property
    def remote_headers(self) -> dict[str, str]:
        """The headers for the remote end. Raises OSError."""
        file = self.otel_remote_headers_file
        text = file.read_text().strip() if file is not None else self.otel_remote_headers
        pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
        return {unquote(name).strip(): unquote(value).strip() for name, _, value in pairs}

    @property
    def folder(self) -> Path:
        """Where segments lie."""
        return (self.data_dir or self.workspace / ".gestalt").resolve() / "telemetry"

    @property
    def token(self) -> str:
        """The internal bearer, from its file if one is named."""
        if self.internal_token_file is not None:
            return self.internal_token_file.read_text().strip()
        return self.internal_token
