"""Which services there are, and how each is started (architecture §8)."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from gestalt_cli.stack import redis_server
from gestalt_cli.stack.forks import Zygote
from gestalt_cli.stack.process import Recipe
from gestalt_cli.supervision.words import Kind, Unit

REDIS = Kind(name="redis", start_stage=0, stop_stage=2, patience=60.0, grace=0.8)
"""Patience: it reads its whole file before it answers. Stopped last, when nobody writes any more."""
GATEWAY = Kind(name="gateway", start_stage=1, stop_stage=0, patience=20.0, grace=1.7)
"""Stopped first: it tells every client why."""
SESSION = Kind(name="session", start_stage=1, stop_stage=1, patience=20.0, grace=1.7)
"""The graces together stay below the 5 s in which an ordered stop is over."""
TELEMETRY = Kind(name="telemetry", start_stage=1, stop_stage=1, patience=20.0, grace=1.7)
"""One: it alone writes the store. Killed, it loses nothing that it has answered for."""

FLOW = Kind(name="flow", start_stage=1, stop_stage=1, patience=20.0, grace=1.7)
"""Killed in the middle of an activity, its successor takes that over."""

ZYGOTE = Kind(name="zygote", start_stage=0, stop_stage=2, patience=20.0, grace=0.5)
"""Imports while Redis reads its file; all others are forked from it. Its end is no other's."""

MODULES = {
    GATEWAY.name: "gestalt_gateway",
    SESSION.name: "gestalt_session",
    FLOW.name: "gestalt_flow",
    TELEMETRY.name: "gestalt_telemetry",
}
FLOW_DRAIN = "1s"
"""Below its grace: what runs longer goes to its successor."""
PYTHON = (sys.executable, "-P", "-m")
"""-P: the workspace may hold a redis.py or a types.py of its own, and is where we are started."""
OURS = ("GESTALT_", "REDIS_")
OF_THE_GATEWAY_ALONE = ("GESTALT_TOKEN", "GESTALT_TOKEN_FILE")


def units(*, workers: int, live_slots: int, own_redis: bool) -> list[Unit]:
    """What is to run. Slots that hold terminals get a worker beyond those asked for, to drain it."""
    redis = [Unit("redis", REDIS)] if own_redis else []
    sessions = [
        Unit(f"session-{number}", SESSION, draining=number > workers)
        for number in range(1, max(workers, live_slots) + 1)
    ]
    others = [Unit("flow", FLOW), Unit("telemetry", TELEMETRY)]
    return [Unit("zygote", ZYGOTE), *redis, Unit("gateway", GATEWAY), *sessions, *others]


def main_of(kind: str) -> str:
    """The module whose `main` is the service."""
    return f"{MODULES[kind]}.__main__"


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
    zygote: Zygote

    def unit(self, unit: Unit) -> Recipe:
        """How `unit` is started."""
        if unit.kind is REDIS:
            return self._redis()
        if unit.kind is ZYGOTE:
            return self._zygote()
        return self._service(unit.kind, {"GESTALT_DRAINING": "1"} if unit.draining else {})

    def probe(self, unit: Unit) -> Awaitable[str] | None:
        """Redis prints no ready line: ask it."""
        return redis_server.answers(self.redis_directory) if unit.kind is REDIS else None

    def _zygote(self) -> Recipe:
        """It knows no secret: what it is started with can be read in /proc as long as a service lives."""
        environment = {name: value for name, value in self.shared.items() if not name.startswith(OURS)}
        socket = self.zygote.renew()
        argv = [*PYTHON, "gestalt_cli.stack.zygote", str(socket), *(main_of(kind) for kind in MODULES)]
        return Recipe(argv, environment, self.logs[ZYGOTE.name], (socket,))

    def _service(self, kind: Kind, extra: Mapping[str, str]) -> Recipe:
        argv = [*PYTHON, MODULES[kind.name]]
        own = self._of_gateway() if kind is GATEWAY else self._of_worker()
        if kind is FLOW:
            own["GESTALT_FLOW_DRAIN"] = FLOW_DRAIN
        fds = (self.door,) if kind is GATEWAY else ()
        return Recipe(argv, {**own, **extra}, self.logs[kind.name], fds, module=main_of(kind.name))

    def _of_gateway(self) -> dict[str, str]:
        address = {"GESTALT_HOST": self.host, "GESTALT_PORT": str(self.port), "GESTALT_LISTEN_FD": str(self.door)}
        return {**self.shared, **address}

    def _of_worker(self) -> dict[str, str]:
        shared = {name: value for name, value in self.shared.items() if name not in OF_THE_GATEWAY_ALONE}
        return {**shared, "GESTALT_HOST": "127.0.0.1", "GESTALT_PORT": "0"}

    def _redis(self) -> Recipe:
        return Recipe(self.redis_argv, {}, self.logs[REDIS.name], (self.redis_lock,), self.redis_directory)
