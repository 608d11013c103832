"""Which services there are, and how each is started (architecture §8)."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from gestalt_cli.stack import redis_server
from gestalt_cli.stack.process import Recipe
from gestalt_cli.supervision.words import Kind, Unit

REDIS = Kind(name="redis", start_stage=0, stop_stage=2, patience=60.0, grace=0.8)
"""Patience: it reads its whole file before it answers. Stopped last, when nobody writes any more."""
GATEWAY = Kind(name="gateway", start_stage=1, stop_stage=0, patience=20.0, grace=1.7, spare=True)
"""Stopped first: it tells every client why."""
SESSION = Kind(name="session", start_stage=1, stop_stage=1, patience=20.0, grace=1.7, spare=True)
"""The graces together stay below the 5 s in which an ordered stop is over."""
TELEMETRY = Kind(name="telemetry", start_stage=1, stop_stage=1, patience=20.0, grace=1.7, spare=True)
"""One: it alone writes the store. Killed, it loses nothing that it has answered for."""

FLOW = Kind(name="flow", start_stage=1, stop_stage=1, patience=20.0, grace=1.7, spare=True)
"""Killed in the middle of an activity, its successor takes that over."""

MODULES = {
    GATEWAY.name: "gestalt_gateway",
    SESSION.name: "gestalt_session",
    FLOW.name: "gestalt_flow",
    TELEMETRY.name: "gestalt_telemetry",
}
FLOW_DRAIN = "1s"
"""Below its grace: what runs longer goes to its successor."""
OF_THE_GATEWAY_ALONE = ("GESTALT_TOKEN", "GESTALT_TOKEN_FILE")


def units(*, workers: int, live_slots: int, own_redis: bool) -> list[Unit]:
    """What is to run. Slots that hold terminals get a worker beyond those asked for, to drain it."""
    redis = [Unit("redis", REDIS)] if own_redis else []
    sessions = [
        Unit(f"session-{number}", SESSION, draining=number > workers)
        for number in range(1, max(workers, live_slots) + 1)
    ]
    return [*redis, Unit("gateway", GATEWAY), *sessions, Unit("flow", FLOW), Unit("telemetry", TELEMETRY)]


class Services(Struct, frozen=True, kw_only=True):
    """The recipes. `shared` is the environment of all services, `door` the listening socket the gateways inherit.

    Without a Redis of our own its three fields mean nothing: no unit asks for them.
    """

    shared: Mapping[str, str]
    host: str
    port: int
    door: int
    logs: Mapping[str, int]
    redis_argv: Sequence[str]
    redis_directory: Path
    redis_lock: int

    def unit(self, unit: Unit) -> Recipe:
        """How `unit` is started to serve at once."""
        if unit.kind is REDIS:
            return self._redis()
        return self._service(unit.kind, {"GESTALT_DRAINING": "1"} if unit.draining else {})

    def spare(self, kind: Kind) -> Recipe:
        """How a process of `kind` is started that waits for its go."""
        return self._service(kind, {}, "--standby")

    def probe(self, unit: Unit) -> Awaitable[str] | None:
        """Redis prints no ready line: ask it."""
        return redis_server.answers(self.redis_directory) if unit.kind is REDIS else None

    def _service(self, kind: Kind, extra: Mapping[str, str], *flags: str) -> Recipe:
        # -P: the workspace may hold a redis.py or a types.py of its own, and is where we are started
        argv = [sys.executable, "-P", "-m", MODULES[kind.name], *flags]
        own = self._of_gateway() if kind is GATEWAY else self._of_worker()
        if kind is FLOW:
            own["GESTALT_FLOW_DRAIN"] = FLOW_DRAIN
        fds = (self.door,) if kind is GATEWAY else ()
        return Recipe(argv, {**own, **extra}, self.logs[kind.name], fds)

    def _of_gateway(self) -> dict[str, str]:
        address = {"GESTALT_HOST": self.host, "GESTALT_PORT": str(self.port), "GESTALT_LISTEN_FD": str(self.door)}
        return {**self.shared, **address}

    def _of_worker(self) -> dict[str, str]:
        shared = {name: value for name, value in self.shared.items() if name not in OF_THE_GATEWAY_ALONE}
        return {**shared, "GESTALT_HOST": "127.0.0.1", "GESTALT_PORT": "0"}

    def _redis(self) -> Recipe:
        return Recipe(self.redis_argv, {}, self.logs[REDIS.name], (self.redis_lock,), self.redis_directory)
