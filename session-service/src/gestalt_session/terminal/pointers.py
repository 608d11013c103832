"""Variables that point a program home: the API, its own session there, and where its telemetry goes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from gestalt_session.terminal.folder import SessionFile

TOKEN = "GESTALT_TOKEN"  # noqa: S105 - the variable's name
EXPORTER = "OTEL_EXPORTER_"
"""Whoever sets one of these sends telemetry elsewhere: our headers, which hold a token, must not go there."""


def given(variables: Mapping[str, str], file: SessionFile, url: str, token: str) -> dict[str, str]:
    """What the caller and the profile gave, with our pointers where they gave none; the token is always ours.

    `url`: where programs reach the gateway; empty when nobody said.
    """
    elsewhere = any(name.startswith(EXPORTER) for name in variables)
    pointers = _api(file, url) | _resource(file) | ({} if elsewhere or not url else _exporter(url, token))
    return pointers | dict(variables) | {TOKEN: token}


def _api(file: SessionFile, url: str) -> dict[str, str]:
    return {"GESTALT_SESSION_ID": file.id} | ({"GESTALT_URL": url} if url else {})


def _exporter(url: str, token: str) -> dict[str, str]:
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_HEADERS": _baggage({"Authorization": f"Bearer {token}"}),
    }


def _resource(file: SessionFile) -> dict[str, str]:
    facts = {"session.id": file.id, "session.uid": file.uid}
    agent = {"agent.id": file.agent_id, "agent.name": file.agent_name} if file.agent_id else {}
    return {"OTEL_RESOURCE_ATTRIBUTES": _baggage({**facts, **{name: value or "" for name, value in agent.items()}})}


def _baggage(pairs: Mapping[str, str]) -> str:
    """`name=value,…` with percent-encoded values, as the OpenTelemetry specification reads these variables."""
    return ",".join(f"{name}={quote(value, safe='')}" for name, value in pairs.items())
