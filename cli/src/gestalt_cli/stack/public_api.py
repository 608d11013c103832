"""What `up` itself asks of its gateway: whether all is ready, and to end sessions."""

from __future__ import annotations

import asyncio

import httpx

from gestalt_cli.api import Server, reason

STEP_SECONDS = 0.05
LADDER_SECONDS = 6.0
"""Ending a session takes at most 5 s (HUP, TERM, KILL), all of them at once no longer."""


async def unready(server: Server, *, within: float) -> str | None:
    """Wait for /readyz; None once it is content, else what it said last."""
    deadline = asyncio.get_running_loop().time() + within
    async with client(server) as api:
        while True:
            said = await readiness(api)
            if said is None or asyncio.get_running_loop().time() >= deadline:
                return said
            await asyncio.sleep(STEP_SECONDS)


async def readiness(api: httpx.AsyncClient) -> str | None:
    """None when /readyz is content, else what it says."""
    try:
        answer = await api.get("/readyz")
    except httpx.HTTPError as error:
        return reason(error)
    return None if answer.is_success else " ".join(answer.text.split())


async def end_sessions(server: Server) -> str | None:
    """DELETE every session; None when all have ended, else what went wrong, in words."""
    try:
        async with asyncio.timeout(LADDER_SECONDS), client(server) as api:
            sessions = (await api.get("/api/sessions")).raise_for_status().json()
            answers = await asyncio.gather(*(api.delete(f"/api/sessions/{session['uid']}") for session in sessions))
    except httpx.HTTPError as error:
        return f"sessions could not be ended: {reason(error)}"
    except TimeoutError:
        return f"some sessions did not end within {LADDER_SECONDS:g} s"
    left = sum(answer.is_error for answer in answers)
    return f"{left} sessions could not be ended" if left else None


def client(server: Server) -> httpx.AsyncClient:
    """A client of our own gateway, which no proxy of the environment stands before."""
    return httpx.AsyncClient(base_url=server.url, headers=server.headers, timeout=LADDER_SECONDS, trust_env=False)
