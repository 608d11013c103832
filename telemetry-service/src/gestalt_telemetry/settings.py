"""What the environment says to telemetry-service. Read once, in __main__; everything else receives values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, Field, field_validator

from gestalt_serving.settings import MIB, Duration, ServiceSettings
from gestalt_telemetry.clickhouse.location import Location, located


def _location(value: Any) -> Any:
    return located(value) if isinstance(value, str) else value


class Settings(ServiceSettings):
    """One field for each variable `GESTALT_<NAME>`."""

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
