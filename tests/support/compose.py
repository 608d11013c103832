"""The containers of compose.yaml as a project of their own, and what the engine says about them."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
COMMAND_SECONDS = 120.0
BUILD_SECONDS = 600.0
PROJECT = "com.docker.compose.project"
KINDS = {
    "container": ("ps", "--all"),
    "volume": ("volume", "ls"),
    "network": ("network", "ls"),
}
"""What a project makes, and how the engine lists it."""


class Failed(Exception):
    """A command of Docker did not succeed; what it printed."""


class Composition:
    """compose.yaml, built and running from entering on; nothing is left of it afterwards.

    `folder` takes the secrets. `variables` are what the operator sets; no other variable of Gestalt gets through.
    """

    def __init__(self, folder: Path, *, workers: int, variables: Mapping[str, str] | None = None) -> None:
        self.name = f"gestalt-test-{secrets.token_hex(4)}"
        self.token, self.internal_token = secrets.token_hex(16), secrets.token_hex(16)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._workers = workers
        self._folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GESTALT_", "COMPOSE_"))}
        ours = {"GESTALT_SECRETS": str(folder), "GESTALT_PORT": str(self.port)}
        self._environment = {**kept, **ours, **(variables or {})}

    def __enter__(self) -> Self:
        for name, secret in (("token", self.token), ("internal_token", self.internal_token)):
            file = self._folder / name
            file.write_text(secret, encoding="ascii")
            file.chmod(0o644)
        try:
            self.compose("build", "--quiet", seconds=BUILD_SECONDS)
            self.scale(self._workers)
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()

    def compose(self, *words: str, seconds: float = COMMAND_SECONDS) -> str:
        """`docker compose …` on this project; its stdout. Raises Failed."""
        file = str(ROOT / "compose.yaml")
        return self.docker("compose", "--file", file, "--project-name", self.name, *words, seconds=seconds)

    def docker(self, *words: str, seconds: float = COMMAND_SECONDS) -> str:
        """`docker …`; its stdout. Raises Failed, also when it takes longer than `seconds`."""
        return docker(*words, seconds=seconds, environment=self._environment)

    def scale(self, workers: int) -> None:
        """Run so many session workers; returns when all services are healthy."""
        self.compose("up", "--detach", "--no-build", "--wait", "--scale", f"session-service={workers}")

    def containers(self, service: str) -> list[str]:
        """The ids of a service's running containers."""
        return self.compose("ps", "--quiet", "--status", "running", service).split()

    def inspect(self, container: str) -> dict[str, Any]:
        """What the engine knows about one container."""
        found: dict[str, Any] = json.loads(self.docker("inspect", container))[0]
        return found

    def remove(self) -> None:
        """Stop and remove everything that this project made, images and volumes too."""
        self.compose("down", "--volumes", "--remove-orphans", "--rmi", "local")

    def left(self) -> dict[str, list[str]]:
        """What there is of this project, by kind; nothing after `remove`."""
        label = f"label={PROJECT}={self.name}"
        found = {kind: self.docker(*how, "--quiet", "--filter", label).split() for kind, how in KINDS.items()}
        return {kind: ids for kind, ids in found.items() if ids}


def docker(*words: str, seconds: float = COMMAND_SECONDS, environment: Mapping[str, str] | None = None) -> str:
    """`docker …`; its stdout. Raises Failed, also when there is no such command or it takes too long."""
    argv = ("docker", *words)
    try:
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(str(error)) from error
    if done.returncode:
        raise Failed(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def missing_engine() -> str:
    """Why no composition can run here, in one line; empty when it can."""
    try:
        docker("version", "--format", "{{.Server.Version}}")
        docker("compose", "version")
    except Failed as failure:
        return str(failure).splitlines()[-1]
    return ""


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
