"""The public surface as data: every path, its methods, who answers it and how it travels (contract §1). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from gestalt_contracts.errors import GestaltError, InvalidRequest, MethodNotAllowed, NotFound


class Upstream(StrEnum):
    """Who answers a route."""

    OWNER = "owner"  # the worker that holds the session named in the path
    PLACEMENT = "placement"  # the live worker with most free capacity
    ANY = "any"  # whichever worker is live
    FLOW = "flow"
    TELEMETRY = "telemetry"
    GATEWAY = "gateway"
    PAGE = "page"  # the dashboard's files


class Kind(StrEnum):
    """How an answer travels: it decides which credentials count, which waits are bounded, and what a hang-up means."""

    JSON = "json"
    BYTES = "bytes"  # a download that may last
    SSE = "sse"
    WEBSOCKET = "websocket"


class Limit(StrEnum):
    """Which bound a request body has; the sizes are settings."""

    JSON = "json"
    INPUT = "input"
    OTLP = "otlp"
    IMPORT = "import"


class Route(Struct, frozen=True):
    """One method of one path. `template` is also its label in logs and metrics."""

    method: str
    template: str
    upstream: Upstream
    kind: Kind = Kind.JSON
    limit: Limit = Limit.JSON


class Target(Struct, frozen=True):
    """What a path means: `routes` by method; `ref` is the session or thing it names, decoded."""

    template: str
    routes: Mapping[str, Route]
    ref: str | None = None

    def route(self, method: str) -> Route:
        """The route of `method`. Raises MethodNotAllowed with the methods there are."""
        route = self.routes.get(method)
        if route is None:
            raise MethodNotAllowed(", ".join(self.routes))
        return route

    def of_kind(self, kind: Kind) -> bool:
        """Whether this path is served in that way, whatever the method."""
        return any(route.kind is kind for route in self.routes.values())


def _routes(upstream: Upstream, *lines: str, kind: Kind = Kind.JSON, limit: Limit = Limit.JSON) -> Iterator[Route]:
    for line in lines:
        methods, template = line.split()
        for method in methods.split(","):
            yield Route(method, template, upstream, kind, limit)


SESSION = "/api/sessions/{id}"
SESSION_SOCKET = "/ws/session/{id}"
PAGE = "/{page}"
JOURNAL = frozenset({f"{SESSION}/history", f"{SESSION}/recording"})
"""What is read from the disk alone: any worker on the volume can answer for one that is gone."""

ROUTES: tuple[Route, ...] = (
    *_routes(Upstream.ANY, "GET /api/status", "GET /api/git/log", "GET /api/workers", "PATCH /api/workers/{id}"),
    *_routes(Upstream.ANY, "GET /api/plans", "GET /api/plans/{filename}", "GET /api/agents", "GET /api/agents/{id}"),
    *_routes(Upstream.ANY, "GET /api/skills", "GET /api/skills/{name}", "GET /api/sessions"),
    *_routes(Upstream.PLACEMENT, "POST /api/sessions"),
    *_routes(Upstream.OWNER, f"GET,PATCH,DELETE {SESSION}", f"GET {SESSION}/output", f"GET {SESSION}/history"),
    *_routes(Upstream.OWNER, f"GET,POST {SESSION}/input-history", f"GET {SESSION}/progress", f"GET {SESSION}/screen"),
    *_routes(Upstream.OWNER, f"POST {SESSION}/activate", f"POST {SESSION}/bell", f"POST {SESSION}/notify"),
    *_routes(Upstream.OWNER, f"POST {SESSION}/resize", f"POST {SESSION}/signal"),
    *_routes(Upstream.OWNER, f"POST {SESSION}/input", limit=Limit.INPUT),
    *_routes(Upstream.OWNER, f"GET {SESSION}/recording", kind=Kind.BYTES),
    *_routes(Upstream.OWNER, f"GET {SESSION_SOCKET}", kind=Kind.WEBSOCKET),
    *_routes(Upstream.ANY, "GET /ws/events", "GET /api/agents/events", kind=Kind.WEBSOCKET),
    *_routes(Upstream.ANY, "GET /api/sessions/events", "GET /api/config/events", kind=Kind.WEBSOCKET),
    *_routes(Upstream.ANY, "GET /api/events/stream", "GET /api/sessions/stream", kind=Kind.SSE),
    *_routes(Upstream.FLOW, "GET /api/flow/activities", "GET /api/flow/event-types", "GET,PUT /api/flow/config"),
    *_routes(Upstream.FLOW, "GET /api/flow/config/export", "POST /api/flow/config/validate", "POST /api/flow/test"),
    *_routes(Upstream.FLOW, "GET /api/flow/runs", "GET /api/flow/runs/{id}", "POST /api/flow/runs/{id}/retry"),
    *_routes(Upstream.FLOW, "POST /api/flow/config/import", limit=Limit.IMPORT),
    *_routes(Upstream.TELEMETRY, "GET /api/metrics/summary", "GET /api/otel/traces", "GET /api/otel/traces/{trace_id}"),
    *_routes(Upstream.TELEMETRY, "GET /api/otel/metrics", "GET /api/otel/metrics/series", "GET /api/otel/usage"),
    *_routes(Upstream.TELEMETRY, "GET /api/otel/logs", "GET /api/otel/logs/histogram"),
    *_routes(Upstream.TELEMETRY, "POST /api/otel/logs", "POST /v1/logs", limit=Limit.OTLP),
    *_routes(Upstream.TELEMETRY, "POST /v1/traces", "POST /v1/metrics", limit=Limit.OTLP),
    *_routes(Upstream.TELEMETRY, "GET /ws/logs", kind=Kind.WEBSOCKET),
    *_routes(Upstream.TELEMETRY, "GET /api/logs/stream", "GET /api/notifications/stream", kind=Kind.SSE),
    *_routes(Upstream.GATEWAY, "GET /healthz", "GET /readyz", "GET /metrics", "GET /openapi.json"),
    *_routes(Upstream.GATEWAY, "GET /docs", "GET /docs/{asset}"),
    *_routes(Upstream.GATEWAY, "POST /api/auth/login", "POST /api/auth/logout", "POST /api/auth/ticket"),
)
"""Order matters only in `Allow`: methods are listed as they stand here."""

PAGES = Target(PAGE, {"GET": Route("GET", PAGE, Upstream.PAGE, Kind.BYTES)})
"""Every path that is not of the API: the page and its assets."""


class Branch:
    """One step of the path tree: literal words first, then the one placeholder."""

    __slots__ = ("placeholder", "routes", "template", "words")

    def __init__(self, template: str) -> None:
        self.template = template
        self.words: dict[str, Branch] = {}
        self.placeholder: Branch | None = None
        self.routes: dict[str, Route] = {}

    def grow(self, word: str) -> Branch:
        """The branch for one word of a template, made on first use."""
        template = f"{self.template}/{word}"
        if word.startswith("{"):
            self.placeholder = self.placeholder or Branch(template)
            return self.placeholder
        return self.words.setdefault(word, Branch(template))


def _tree() -> Branch:
    root = Branch("")
    for route in ROUTES:
        branch = root
        for word in route.template.split("/")[1:]:
            branch = branch.grow(word)
        branch.routes[route.method] = route
    return root


_ROOT = _tree()
_SOCKET_ROUTES = {route.method: route for route in ROUTES if route.template == SESSION_SOCKET}


def decoded(raw_path: bytes) -> str:
    """The path as text, percent-decoded before it is split: an encoded slash separates. Bad UTF-8 becomes U+FFFD."""
    return unquote_to_bytes(raw_path).decode("utf-8", "replace")


def is_api(path: str) -> bool:
    """Whether a decoded path is of the API (and so asks for a credential), not of the page."""
    first = path.split("/", 2)[1] if path.startswith("/") else ""
    return first in {"api", "ws", "v1", "docs"} or path in {"/openapi.json", "/metrics"}


def target_of(path: str) -> Target | GestaltError:
    """What a decoded path means, or the refusal it earns once the caller has been let in."""
    if path.startswith("/api/sessions/"):
        return _session_target(path)
    if path.startswith("/ws/session/"):
        return _socket_target(path)
    return _walk(path) or (NotFound("not found") if is_api(path) else PAGES)


def template_of(path: str) -> str:
    """The label of a decoded path in logs and metrics: one of the table's templates, or `unknown`."""
    target = target_of(path)
    return target.template if isinstance(target, Target) else "unknown"


def _session_target(path: str) -> Target | GestaltError:
    """One trailing slash is tolerated; a blank id is a bad request, an unknown action an unknown terminal."""
    trimmed = path.removesuffix("/")
    if trimmed == "/api/sessions" or not trimmed.split("/")[3].strip():
        return InvalidRequest("missing terminal id")
    return _walk(trimmed) or NotFound("terminal not found")


def _socket_target(path: str) -> Target:
    """Whatever follows is an id: a browser cannot read a 404, so a bad one is told by a close code."""
    return Target(SESSION_SOCKET, _SOCKET_ROUTES, path.removeprefix("/ws/session/"))


def _walk(path: str) -> Target | None:
    branch, ref = _ROOT, None
    for word in path.split("/")[1:]:
        onward = branch.words.get(word)
        if onward is None:
            onward, ref = branch.placeholder, word
        if onward is None or not word:
            return None
        branch = onward
    return Target(branch.template, branch.routes, ref) if branch.routes else None
