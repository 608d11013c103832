"""What can be started here: agents and skills (contract §5; reference, agents §1, §2)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from gestalt_contracts.errors import NotFound
from gestalt_session.agents.folders import AgentEntry, SkillEntry
from gestalt_session.routes import parameters
from gestalt_session.routes.state import Resources, State, reply

router = APIRouter()
HOLDING = frozenset({"starting", "running", "closing", "unreachable"})
"""Statuses of sessions that have their agent's name, and whose program may run."""

Json = dict[str, Any]


@router.get("/api/agents")
async def list_agents(state: Resources) -> Response:
    """Every profile that loads, by id."""
    entries = await state["catalogue"].agents()
    sessions = await _sessions_by_agent(state)
    return reply([_listed(entry, sessions) for entry in entries])


@router.get("/api/agents/{agent_id}")
async def one_agent(agent_id: str, state: Resources) -> Response:
    """One profile, and what is to be said of its file."""
    entry = await state["catalogue"].agent(agent_id)
    if entry is None:
        raise NotFound("agent not found")
    return reply(_listed(entry, await _sessions_by_agent(state)) | _details(entry))


@router.get("/api/skills")
async def list_skills(request: Request, state: Resources) -> Response:
    """Every skill by name, or those of one agent in its order."""
    agent_id = parameters.query_of(request).get("agent", "").strip()
    catalogue = state["catalogue"]
    entries = await (catalogue.skills_of(agent_id) if agent_id else catalogue.skills())
    if entries is None:
        raise NotFound("agent not found")
    return reply([_skill(entry) for entry in entries])


@router.get("/api/skills/{name}")
async def one_skill(name: str, state: Resources) -> Response:
    """One skill with its text, and what is wrong with it."""
    entry = await state["catalogue"].skill(name)
    if entry is None:
        raise NotFound("skill not found")
    skill = entry.skill
    return reply(
        _skill(entry)
        | {
            "body": skill.body if skill else "",
            "compatibility": skill.compatibility if skill else "",
            "metadata": skill.metadata if skill else {},
            "allowed_tools": skill.allowed_tools if skill else [],
            "errors": entry.errors,
        }
    )


async def _sessions_by_agent(state: State) -> dict[str, str]:
    """The oldest session of each agent that has one, over all workers."""
    sessions = await state["overview"].sessions()
    held = [(session.get("agent_id"), session["id"]) for session in sessions if session["status"] in HOLDING]
    return {agent_id: session_id for agent_id, session_id in reversed(held) if agent_id}


def _listed(entry: AgentEntry, sessions: dict[str, str]) -> Json:
    profile = entry.profile
    return {
        "id": profile.id,
        "name": profile.name,
        "llm_type": profile.llm_type,
        "model": profile.model,
        "interface": "cli",
        "session_id": sessions.get(profile.id, ""),
        "running": profile.id in sessions,
        "hidden": profile.hidden,
        "description": profile.description,
        "singleton": profile.singleton,
    }


def _details(entry: AgentEntry) -> Json:
    profile = entry.profile
    return {
        "shell": profile.command,
        "cli_type": profile.cli_type,
        "prompt": profile.prompts,
        "skills": profile.skills,
        "onair_string": profile.onair_string,
        "cwd": profile.cwd,
        "env": profile.env,
        "path": str(entry.path),
        "warnings": entry.warnings,
        "errors": entry.errors,
    }


def _skill(entry: SkillEntry) -> Json:
    skill = entry.skill
    return {
        "name": entry.name,
        "description": skill.description if skill else "",
        "path": str(entry.path),
        "license": skill.license if skill else "",
        "has_scripts": "scripts" in entry.folders,
        "has_references": "references" in entry.folders,
        "has_assets": "assets" in entry.folders,
    }
