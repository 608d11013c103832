"""Activities on sessions: type into one, start one, stop one, tell an event for one."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any
from urllib.parse import quote

import msgspec

from gestalt_flow.activities.context import Context
from gestalt_flow.activities.output import Output, filled
from gestalt_flow.activities.public_api import NOT_FOUND, PublicApi, session_path
from gestalt_flow.doings_redis import Doings
from gestalt_flow.policy import Busy, Done, Failed, Skipped
from gestalt_flow.templates import as_data, for_agent, for_shell

BUSY_SECONDS = 10.0
"""A session whose program wrote so short a time ago is at work (as `terminal_idle` says it)."""
GROWN_UP_SECONDS = 8.0
"""How long a fresh agent has to draw its first screen before something is typed."""
PROMPTED_SECONDS = 45.0
"""Likewise, for one whose first prompts are being typed: they must not be mixed with what a flow has to say."""
SETTLED_SECONDS = 0.6
ENTER_SECONDS = 0.15
"""Programs take an Enter that comes with a paste for a part of it."""
CREATED, CONFLICT = 201, 409
MESSAGE, TITLE = "message_template", "title_template"
LONGEST_TAIL = 3_000
"""Bytes of output that are typed into what is no agent, on one line: a terminal keeps 4095 of one."""
NEW_PARAGRAPH = "\n\n"
LIVE = frozenset({"starting", "running"})


class Sessions:
    """What flows do to sessions."""

    def __init__(self, api: PublicApi, output: Output, doings: Doings) -> None:
        self._api = api
        self._doings = doings
        self._output = output

    async def send_to_terminal(self, context: Context) -> Done:
        """Type a message, when the session is free for it."""
        session = await self._target(context)
        if context.text("when_busy") not in {"", "send"}:
            await self._refuse_busy(context, session)
        message = await self._message(context, session)
        await self._type(context, session, message)
        return Done(result=_named(session))

    async def spawn_agent_session(self, context: Context) -> Done:
        """Start an agent, or take the one that runs; then give it the message, if there is one."""
        agent = context.text("agent_id")
        session = await self._running(context, agent) if context.value("reuse_if_running") else None
        fresh = session is None
        if session is None:
            session = await self._started(context, {"agent": agent, **await self._title(context)})
            await self._set_to_work(context, session)
        if context.rendered(MESSAGE).strip():
            if fresh:
                session = await self._settled(context, session)
            await self._type(context, session, await self._message(context, session))
        return Done(result=_named(session))

    async def run_command(self, context: Context) -> Done:
        """Run a command in a session of its own."""
        told = msgspec.json.encode(context.event_json).decode()
        title = await self._title(context)
        body = {"command": context.text("command"), "env": {"FLOW_EVENT": told}, **title}
        if context.text("cwd"):
            body["cwd"] = context.text("cwd")
        async with self._doings.command(context.unique, context.head, context.text("cwd")) as started:
            started.update(await self._started(context, body))
        return Done(result=_named(started))

    async def notify_session(self, context: Context) -> Done:
        """Tell an event, as the session's own hooks would."""
        session = await self._target(context)
        payload = {"type": context.text("notify_type"), "message": await self._output.text(context, MESSAGE)}
        body = {"session_id": session["id"], "payload": payload, "event_id": context.unique}
        await self._api.ask(context, "POST", session_path(session["id"], "notify"), body=body)
        return Done(result=_named(session))

    async def stop_session(self, context: Context) -> Done:
        """End a session; one that is gone already needs no end."""
        session = await self._target(context)
        status, _ = await self._api.call(context, "DELETE", session_path(session["uid"]))
        if status >= 400 and status != NOT_FOUND:  # noqa: PLR2004 - HTTP's class
            raise Failed(f"the session cannot be ended: {status}", status=status)
        return Done(result=_named(session))

    async def _refuse_busy(self, context: Context, session: dict[str, Any]) -> None:
        """Raises Skipped or Busy, as is wanted, for a session that is at work; lists may be a second old."""
        session = await self._api.ask(context, "GET", session_path(session["uid"]))
        if not is_busy(session):
            return
        said = f"{session['id']} is at work"
        raise Skipped(said) if context.text("when_busy") == "skip" else Busy(said)

    # -- whom

    async def _target(self, context: Context) -> dict[str, Any]:
        """The session that is meant: by id, else by agent. Raises Failed."""
        wanted, agent = context.text("target_session_id"), context.text("target_agent_name")
        if not wanted and not agent:
            raise Failed("neither target_session_id nor target_agent_name is set")
        if wanted:
            status, found = await self._api.call(context, "GET", session_path(wanted))
            if status == 200 and found["status"] in LIVE:  # noqa: PLR2004 - HTTP's word
                return dict(found)
            if not agent:
                raise Failed(f"there is no live session {wanted}", status=status)
        return await self._of_agent(context, agent)

    async def _of_agent(self, context: Context, name: str) -> dict[str, Any]:
        """The session of an agent: its name as it is, then a profile's in any case, then a role."""
        sessions = await self._api.ask(context, "GET", "/api/sessions")
        live = [session for session in sessions if session["status"] in LIVE]
        agents = {
            agent["id"]: agent["name"] for agent in await self._api.ask(context, "GET", "/api/agents") if agent["name"]
        }
        profile = [agents.get(session.get("agent_id") or "", "") for session in live]
        exact = [one for one, known in zip(live, profile, strict=True) if known == name]
        folded = [one for one, known in zip(live, profile, strict=True) if known.casefold() == name.casefold()]
        roles = [one for one in live if str(one.get("role") or "").casefold() == name.casefold()]
        found = next(iter([*exact, *folded, *roles]), None)
        if found is None:
            raise Failed(f"there is no live session of {name}")
        return dict(found)

    async def _running(self, context: Context, agent: str) -> dict[str, Any] | None:
        found = await self._api.ask(context, "GET", f"/api/agents/{quote(agent, safe='')}")
        if not found.get("running") or not found.get("session_id"):
            return None
        session = await self._api.ask(context, "GET", session_path(found["session_id"]))
        return dict(session)

    async def _title(self, context: Context) -> dict[str, str]:
        title = (await self._output.text(context, TITLE)).strip()
        return {"title": title} if title else {}

    async def _started(self, context: Context, body: dict[str, Any]) -> dict[str, Any]:
        status, said = await self._api.call(context, "POST", "/api/sessions", body=body, key=context.unique)
        if status == CREATED:
            return dict(said)
        if status == CONFLICT and said.get("session_id") and context.value("reuse_if_running"):
            return dict(await self._api.ask(context, "GET", session_path(said["session_id"])))
        raise Failed(str(said.get("message", "not started")) if said else "not started", status=status)

    async def _settled(self, context: Context, session: dict[str, Any]) -> dict[str, Any]:
        """Wait until a fresh agent has its prompts and has drawn its screen, or the time for it is over."""
        begun = time.monotonic()
        while time.monotonic() - begun < (PROMPTED_SECONDS if session.get("occupied") else GROWN_UP_SECONDS):
            await asyncio.sleep(SETTLED_SECONDS / 3)
            session = await self._api.ask(context, "GET", session_path(session["uid"]))
            if session.get("output_bytes") and quiet_for(session) > SETTLED_SECONDS and not session.get("occupied"):
                break
        return session

    # -- what

    async def _message(self, context: Context, session: dict[str, Any]) -> str:
        """What is typed, the same at each attempt; what others wrote is marked for an agent, one line for a shell."""
        if not context.is_settled(MESSAGE):
            await context.settle(MESSAGE, await self._worded(context, is_agent=bool(session.get("agent_id"))))
        text = context.rendered(MESSAGE)
        if not text.strip():
            raise Failed("the message is empty")
        return text

    async def _worded(self, context: Context, *, is_agent: bool) -> str:
        template, wants_tail = context.record.templates.get(MESSAGE), bool(context.value("include_terminal_output"))
        tail = await self._output.tail(context) if wants_tail or template else ""
        if not is_agent:
            # In a shell, each line of it would be a command.
            tail = " ".join(tail.split()).encode()[-LONGEST_TAIL:].decode(errors="ignore")
        text = filled(context, MESSAGE, template, tail) if template else context.rendered(MESSAGE)
        if wants_tail and tail:
            text = f"{text}{NEW_PARAGRAPH if is_agent else ' '}{as_data(tail)}"
        return for_agent(text) if is_agent else for_shell(text)

    async def _set_to_work(self, context: Context, session: dict[str, Any]) -> None:
        """Files that change where it works are this flow's doing from now on, while it is active."""
        await self._doings.typed(context.head, session, is_active=quiet_for(session) < BUSY_SECONDS)

    async def _type(self, context: Context, session: dict[str, Any], message: str) -> None:
        """An agent gets it pasted and entered, so that several lines are one prompt; a shell gets lines."""
        await self._set_to_work(context, session)
        path, text = session_path(session["uid"], "input"), message.rstrip("\n").encode("utf-8", "replace")
        if not session.get("agent_id"):
            await self._api.ask(context, "POST", path, raw=text + b"\n", key=context.unique)
            return
        await self._api.ask(context, "POST", f"{path}?paste=1", raw=text, key=context.unique)
        await asyncio.sleep(ENTER_SECONDS)
        await self._api.ask(context, "POST", path, raw=b"\r", key=f"{context.unique}/enter")


def is_busy(session: dict[str, Any]) -> bool:
    """Whether a session's program is at work: it wrote just now, or is still to be told something, or in a turn."""
    return bool(session.get("occupied")) or quiet_for(session) < BUSY_SECONDS


def quiet_for(session: dict[str, Any]) -> float:
    """Seconds since a session's program wrote something."""
    told = session.get("last_output_at")
    return time.time() - datetime.fromisoformat(told).timestamp() if told else float("inf")


def _named(session: dict[str, Any]) -> dict[str, str]:
    return {"session_id": str(session["id"]), "session_uid": str(session.get("uid", ""))}
