"""The catalogue of a workspace: what can be started there and with what. It is what the disk says at that moment.

Answers come from memory as long as files have not changed; every call looks. Reading is done in threads.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import Collection, Iterator
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gestalt_contracts.events import CONFIG_VALIDATION_ERROR, Event, now
from gestalt_session.agents.folders import SUFFIX, AgentEntry, AgentFolder, SkillEntry, SkillFolder
from gestalt_session.agents.identifiers import is_agent_id
from gestalt_session.agents.launching import LaunchPlan, Surroundings, plan
from gestalt_session.agents.problems import Problem, problem
from gestalt_session.agents.profile import Profile
from gestalt_session.agents.prompts import Library, PromptFailed


class Complaint(Struct, frozen=True):
    """An event about a bad file. `key` is the same for all workers that see the same change: publish once by it."""

    event: Event
    key: str


class Catalogue:
    """Profiles and skills of `config`, for the sessions of `workspace`. Any number of calls may run at once."""

    def __init__(self, config: Path, workspace: Path) -> None:
        self.config = config
        self._agents = AgentFolder(config / "agents")
        self._skills = SkillFolder(config / "skills")
        self._library = Library(config / "prompts", workspace)
        self._reading = threading.Lock()
        self._known: dict[str, str] | None = None

    # -- asking ----------------------------------------------------------------------------------------------------

    async def agents(self) -> list[AgentEntry]:
        """The profiles that load, by id."""
        return [entry for entry in await asyncio.to_thread(self._read_agents) if not entry.errors]

    async def agent(self, agent_id: str) -> AgentEntry | None:
        """One profile with all that is to be said of it, whether it loads or not; None when there is no such file."""
        return await asyncio.to_thread(self._agent, agent_id) if is_agent_id(agent_id) else None

    async def skills(self) -> list[SkillEntry]:
        """The skills that load, by name."""
        return [entry for entry in await asyncio.to_thread(self._read_skills) if entry.skill is not None]

    async def skills_of(self, agent_id: str) -> list[SkillEntry] | None:
        """The skills of a profile that there are, in its order; None for an agent that is not listed."""
        return await asyncio.to_thread(self._skills_of, agent_id)

    async def skill(self, name: str) -> SkillEntry | None:
        """One skill, whether it loads or not."""
        return (await asyncio.to_thread(self._skills_named, [name])).get(name)

    async def launch(self, profile: Profile, surroundings: Surroundings) -> LaunchPlan:
        """How to start it now. Raises launching.LaunchFailed."""
        return await asyncio.to_thread(self._plan, profile, surroundings)

    # -- what went wrong -------------------------------------------------------------------------------------------

    async def changes(self) -> list[Complaint]:
        """What is to be told of files that became bad, or changed and still are, since the last call; at first none."""
        return await asyncio.to_thread(self._changes, None)

    async def file_changed(self, path: Path) -> list[Complaint]:
        """`changes` of that one file, which a watcher saw change; of another kind of file none."""
        return await asyncio.to_thread(self._changes, path) if self._is_profile(path) else []

    def complaints(self, entry: AgentEntry) -> list[Event]:
        """What is to be told when somebody tries to start a profile that does not load."""
        return [_event(found) for found in entry.errors]

    # -- in threads ------------------------------------------------------------------------------------------------

    def _read_agents(self) -> list[AgentEntry]:
        with self._reading:
            return self._agents.entries()

    def _read_skills(self) -> list[SkillEntry]:
        with self._reading:
            return self._skills.entries()

    def _skills_named(self, names: Collection[str]) -> dict[str, SkillEntry]:
        with self._reading:
            return self._skills.named(names)

    def _skills_of(self, agent_id: str) -> list[SkillEntry] | None:
        entry = self._entry(agent_id)
        if entry is None or entry.errors:
            return None
        return [skill for skill in self._skills_named(entry.profile.skills).values() if skill.skill is not None]

    def _entry(self, agent_id: str) -> AgentEntry | None:
        return next((entry for entry in self._read_agents() if entry.id == agent_id), None)

    def _agent(self, agent_id: str) -> AgentEntry | None:
        entry = self._entry(agent_id)
        return entry and replace(entry, warnings=(*entry.warnings, *self._missing(entry)))

    def _missing(self, entry: AgentEntry) -> Iterator[Problem]:
        """What the profile names and nobody wrote."""
        there = self._skills_named(entry.profile.skills)
        for name in entry.profile.skills:
            if name not in there or there[name].skill is None:
                yield problem(
                    entry.path, f'agent skill missing: "{name}"', key="skills", place=entry.places.get("skills")
                )
        for name in entry.profile.prompts:
            try:
                self._library.prompt(name)
            except PromptFailed:
                yield problem(
                    entry.path, f'agent prompt file missing: "{name}"', key="prompt", place=entry.places.get("prompt")
                )

    def _plan(self, profile: Profile, surroundings: Surroundings) -> LaunchPlan:
        named = self._skills_named(profile.skills)
        skills = [entry.skill for entry in named.values() if entry.skill is not None]
        return plan(profile, skills, self._library, surroundings)

    def _is_profile(self, path: Path) -> bool:
        return path.suffix == SUFFIX and path.parent == self._agents.path

    def _changes(self, only: Path | None) -> list[Complaint]:
        with self._reading:
            entries, before = self._agents.entries(), self._known
            self._remember({str(entry.path): _state(entry) for entry in entries}, only)
        if only is None and before is None:
            return []
        fresh = [entry for entry in entries if _is_news(entry, before or {}, only)]
        return [Complaint(_event(found), _key(entry, found)) for entry in fresh for found in entry.errors]

    def _remember(self, seen: dict[str, str], only: Path | None) -> None:
        if only is None:
            self._known = seen
        elif self._known is not None:
            self._known = self._known | {str(only): seen.get(str(only), "")}


def _is_news(entry: AgentEntry, before: dict[str, str], only: Path | None) -> bool:
    wanted = only is None or entry.path == only
    return wanted and before.get(str(entry.path)) != _state(entry)


def _state(entry: AgentEntry) -> str:
    """Changes with the file, and with what is wrong with it: a name that is taken is taken by another file."""
    return f"{entry.version} {[found.message for found in entry.errors]}"


def _key(entry: AgentEntry, found: Problem) -> str:
    return hashlib.sha256(f"{entry.path} {entry.version} {found.message}".encode("utf-8", "replace")).hexdigest()


def _event(found: Problem) -> Event:
    data = {
        "config_type": "agent",
        "path": found.file,
        "change_type": "validation_error",
        "message": found.message,
    }
    return Event(type=CONFIG_VALIDATION_ERROR, topic="config", occurred_at=now(), data=data)
