"""One request as the door sees it, plain HTTP and WebSocket upgrade alike."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gestalt_contracts.tracing import TraceContext
from gestalt_gateway import headers as h
from gestalt_gateway.headers import Headers
from gestalt_gateway.routing import decoded

REQUEST_ID_BYTES = 8  # enough that two requests of one log never share an id


class Request(Struct, frozen=True):
    """What was asked, by whom. `path` is decoded, `raw_path` and `query` are as they came; `client` is an address.

    `trace`: the span of this request, which the service's is a child of.
    """

    method: str
    path: str
    raw_path: bytes
    query: bytes
    headers: Headers
    client: str
    id: bytes
    upgrade: bool = False
    trace: TraceContext | None = None

    def header(self, name: bytes) -> bytes | None:
        """The first value of a header (its name in lower case)."""
        return h.first(self.headers, name)

    @property
    def host(self) -> str | None:
        """The Host header; None when there is none or more than one."""
        hosts = [value for name, value in self.headers if name == b"host"]
        return hosts[0].decode("latin-1") if len(hosts) == 1 else None


def made(
    method: str,
    raw_path: bytes,
    query: bytes,
    headers: Headers,
    client: str,
    *,
    upgrade: bool,
    trace: TraceContext | None = None,
) -> Request:
    """A request with its id: the client's when it is sane, else a new one."""
    identity = h.request_id(headers) or secrets.token_hex(REQUEST_ID_BYTES).encode()
    return Request(method, decoded(raw_path), raw_path, query, headers, client, identity, upgrade, trace)


def from_scope(scope: Mapping[str, Any], trace: TraceContext | None = None) -> Request:
    """The request of an ASGI HTTP scope."""
    client = scope["client"][0] if scope.get("client") else ""
    raw_path, query, headers = scope["raw_path"], scope["query_string"], scope["headers"]
    return made(scope["method"], raw_path, query, headers, client, upgrade=False, trace=trace)


def from_handshake(head: bytes, client: str) -> Request:
    """The upgrade request that uvicorn hands over: one header a line, names in lower case."""
    request_line, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    method, url, _ = request_line.split(b" ", 2)
    raw_path, _, query = url.partition(b"?")
    pairs = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    return made(method.decode("ascii"), raw_path, query.partition(b"#")[0], pairs, client, upgrade=True)
