"""Starting agents: from a profile's id to a session that has been told its prompts (contract §3; reference, §3.6)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from msgspec.structs import replace

from gestalt_contracts.errors import Conflict, GestaltError, InvalidRequest
from gestalt_contracts.events import Cause
from gestalt_session.agents import launching
from gestalt_session.agents.catalogue import Catalogue
from gestalt_session.agents.launching import LaunchPlan, Surroundings
from gestalt_session.agents.profile import Profile
from gestalt_session.cluster import announcements
from gestalt_session.prompting import Prompter
from gestalt_session.service import SessionService
from gestalt_session.terminal.folder import SessionFile
from gestalt_session.terminal.launch import Order
from gestalt_session.terminal.session import Session

NOTIFY = "gestalt-notify"
OTEL = "otel"
PORTS = {"http": 80, "https": 443}

log = structlog.get_logger()


class CannotStart(GestaltError):
    """The profile, or what it names, does not allow a start; the message says why."""

    status = 500


class AgentSessions:
    """Starts what the catalogue offers. `url`: where programs reach the gateway; empty when nobody said."""

    def __init__(self, service: SessionService, catalogue: Catalogue, prompter: Prompter, url: str) -> None:
        self._service = service
        self._catalogue = catalogue
        self._prompter = prompter
        self._url = url

    async def create(self, order: Order, *, uid: str, cause: Cause | None = None) -> Session:
        """Start the agent that `order` names. Raises InvalidRequest, Conflict, CannotStart, Unavailable."""
        profile = await self._profile(order.agent or "")
        cast = Cast(profile, self._catalogue, self._url)
        wanted = replace(order, title=profile.title, cwd=order.cwd or profile.cwd or None)
        try:
            session = await self._service.create(wanted, uid=uid, cast=cast, cause=cause)
        except GestaltError as error:
            self._tell_failure(profile, error)
            raise
        self._prompter.prompt(session)
        return session

    async def _profile(self, agent_id: str) -> Profile:
        entry = await self._catalogue.agent(agent_id)
        if entry is None:
            raise InvalidRequest("unknown agent")
        if entry.errors:
            for complaint in self._catalogue.complaints(entry):
                self._service.outbox.put(complaint)
            raise CannotStart(f"failed to refresh agent config: {entry.errors[0].message}")
        for warning in entry.warnings:
            log.warning("agent profile", agent=agent_id, problem=warning.message)
        return entry.profile

    def _tell_failure(self, profile: Profile, error: GestaltError) -> None:
        """A start that failed; one that was refused, because it runs already or the order is wrong, is no failure."""
        if not isinstance(error, InvalidRequest | Conflict):
            self._service.outbox.put(announcements.agent_failed(profile.id, profile.name, error.message))


class Cast:
    """What makes one new session this agent's; see service.Cast."""

    def __init__(self, profile: Profile, catalogue: Catalogue, url: str) -> None:
        self._profile = profile
        self._catalogue = catalogue
        self._url = url

    async def prepare(self, file: SessionFile) -> None:
        """What can be known without a name is, so that no start fails after it has replaced a closed session."""
        profile = self._profile
        file.only, file.agent_id, file.agent_name = profile.singleton, profile.id, profile.name
        file.llm_type, file.model = profile.llm_type, profile.model
        file.ends_turns = profile.takes_instructions  # Codex: we have it told so
        await self._launch(f"{file.title} 1")

    async def named(self, file: SessionFile) -> Mapping[str, str]:
        """The profile's variables; the file gets what is run."""
        plan = await self._launch(file.id)
        for warning in plan.warnings:
            log.warning("agent prompt", session=file.id, problem=warning.message)
        file.title = self._profile.name
        file.argv, file.command = plan.argv, plan.command
        file.prompt_files, file.skills = plan.prompt_files, plan.skills
        file.prompt_injection, file.onair_string = plan.prompt_injection, plan.onair_string
        return plan.env

    async def _launch(self, session_id: str) -> LaunchPlan:
        profile = self._profile
        otel = telemetry(self._url) if self._url and OTEL not in profile.config else None
        surroundings = Surroundings(
            session_id=session_id, ports=ports(self._url), notify=notify(self._url, session_id), otel=otel
        )
        try:
            return await self._catalogue.launch(profile, surroundings)
        except launching.LaunchFailed as error:
            raise CannotStart(f"failed to create terminal: {error}") from error


def ports(url: str) -> dict[str, int]:
    """The ports that prompts may name: the gateway's is the one door to all of them."""
    parts = urlsplit(url)
    port = parts.port or PORTS.get(parts.scheme)
    return dict.fromkeys(("frontend", "backend", "otel"), port) if port else {}


def notify(url: str, session_id: str) -> list[str]:
    """The command that Codex runs when a turn is complete; its token is in the environment it inherits."""
    parts = urlsplit(url)
    reach = ["--host", parts.hostname, "--port", str(ports(url)["frontend"])] if parts.scheme == "http" else []
    return [_notify_program(), *(word or "" for word in reach), "--session-id", session_id]


def _notify_program() -> str:
    """Ours, if it is installed beside us: a program's PATH need not lead there."""
    beside = Path(sys.executable).with_name(NOTIFY)
    return str(beside) if beside.exists() else NOTIFY


def telemetry(url: str) -> dict[str, Any]:
    """Codex's own setting for OTLP; the header with the token comes from the environment, never from a command line."""
    return {"exporter": {"otlp-http": {"endpoint": f"{url}/v1/logs", "protocol": "binary"}}}
