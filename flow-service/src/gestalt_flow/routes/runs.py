"""What has run and why, what has not and why not, and trying without doing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import UNSET, Raw, Struct, UnsetType

from gestalt_contracts.errors import Conflict, InvalidRequest, NotFound
from gestalt_contracts.events import Event
from gestalt_flow.clock import milliseconds_of
from gestalt_flow.documents import flows_of_bundle, flows_of_json
from gestalt_flow.matching import Index
from gestalt_flow.model import Flow
from gestalt_flow.planning import seen
from gestalt_flow.records import STATUSES, UNMATCHED, moment_of
from gestalt_flow.rendering import event_of, run_shown, run_whole, tried, unmatched_of
from gestalt_flow.routes.once import once
from gestalt_flow.routes.state import Resources, State, reply
from gestalt_serving import bodies

router = APIRouter(prefix="/api/flow")
DEFAULT_LIMIT, MOST = 100, 1_000
LOOKED_BACK = 5_000
NO_FLOWS = Index(())
PARAMETERS = {
    "status": "status",
    "trigger_id": "trigger",
    "event_id": "event",
    "event_type": "type",
    "session_id": "session",
}
_EVALUATION = re.compile(r"n-(\d{1,20}-\d{1,20})-([0-9a-f]{10})")


class Trial(Struct, forbid_unknown_fields=True):
    """The body of test: an event, or the id of one that happened; flows other than the saved ones."""

    event: dict[str, Any] | UnsetType = UNSET
    event_id: str | UnsetType = UNSET
    config: Raw | UnsetType = UNSET


@router.get("/runs")
async def list_runs(request: Request, state: Resources) -> Response:
    """A page of runs, newest first; with matched=false, of flows that did not fire."""
    query = dict(reversed(request.query_params.multi_items()))
    limit = _limit(query.get("limit"))
    if query.get("matched", "true") not in {"true", "false"}:
        raise InvalidRequest("matched is true or false")
    filters = {what: query[name] for name, what in PARAMETERS.items() if query.get(name)}
    before = query.get("before") or None
    if query.get("matched") == "false":
        return await _unmatched(state, filters, limit, before)
    if filters.get("status", STATUSES[0]) not in STATUSES:
        raise InvalidRequest(f"status is one of {', '.join(STATUSES)}")
    if before is not None:
        _check_id(before)
    runs, following = await state["runs"].page(filters=filters, limit=limit, before=before)
    return reply({"runs": [run_shown(run) for run in runs], "next_before": following})


def _limit(given: str | None) -> int:
    if given is None or not given.strip():
        return DEFAULT_LIMIT
    if not given.isascii() or not given.isdigit() or not given.strip("0"):
        raise InvalidRequest("limit must be a positive integer")
    return MOST if len(given) > len(str(MOST)) else min(int(given), MOST)


def _check_id(given: str) -> None:
    try:
        moment_of(given)
    except ValueError:
        raise InvalidRequest("before must be the id of a run") from None


async def _unmatched(state: State, filters: dict[str, str], limit: int, before: str | None) -> Response:
    """Evaluations, judged again by the flows of their time. A page ends between two events."""
    if before is not None and not re.fullmatch(r"\d{1,20}-\d{1,20}", before):
        raise InvalidRequest("before must be what next_before said")
    found: list[dict[str, Any]] = []
    looked = 0
    while len(found) < limit and looked < LOOKED_BACK:
        page = await state["runs"].evaluations(before, 200)
        indexes = await state["revisions"].indexes(evaluation.revision for _, evaluation in page)
        for id_, evaluation in page:
            if len(found) >= limit:
                break
            before, looked = id_, looked + 1
            index = indexes.get(evaluation.revision, NO_FLOWS)
            found += [one for one in unmatched_of(id_, evaluation, index) if _wanted(one, filters)]
        if not page:
            before = None
            break
    return reply({"runs": found, "next_before": before})


def _wanted(shown: dict[str, Any], filters: dict[str, str]) -> bool:
    return all(shown[name] == filters[what] for name, what in PARAMETERS.items() if what in filters)


@router.get("/runs/{run_id}")
async def get_run(run_id: str, state: Resources) -> Response:
    """One run, whole; or why a flow did not fire."""
    if run_id.startswith(UNMATCHED):
        return reply(await _evaluated(state, run_id))
    run = await state["runs"].get(run_id)
    if run is None:
        raise NotFound("run not found")
    return reply(run_whole(run))


async def _evaluated(state: State, run_id: str) -> dict[str, Any]:
    parts = _EVALUATION.fullmatch(run_id)
    evaluation = await state["runs"].evaluation(parts[1]) if parts else None
    if parts is not None and evaluation is not None:
        index = await state["revisions"].index(evaluation.revision)
        for one in unmatched_of(parts[1], evaluation, index or NO_FLOWS):
            if one["id"] == run_id:
                event = seen(evaluation.event, evaluation.bus_id).fields
                return {**one, "event": event, "activities": []}
    raise NotFound("run not found")


@router.post("/runs/{run_id}/retry")
async def retry(run_id: str, request: Request, state: Resources) -> Response:
    """Do what failed again, under the same keys."""
    said = bodies.parse(await bodies.raw(request, state["settings"].body_limit), _Nothing)
    return await once(request, msgspec.json.encode(said), state, partial(_retry, run_id, state))


class _Nothing(Struct, forbid_unknown_fields=True):
    """A body that says nothing."""


async def _retry(run_id: str, state: State, claim: str) -> Response:
    run = await state["runs"].get(run_id)
    if run is None:
        raise NotFound("run not found")
    if (not claim or run.retried != claim) and await state["runs"].retry(run, claim) < 0:
        raise Conflict("only a failed run with failed activities can be tried again")
    again = await state["runs"].get(run_id)
    return reply(run_shown(again or run), 202)


@router.post("/test")
async def try_out(request: Request, state: Resources) -> Response:
    """What an event would lead to. Nothing is done."""
    trial = bodies.parse(await bodies.raw(request, state["settings"].body_limit), Trial)
    if (trial.event is UNSET) == (trial.event_id is UNSET):
        raise InvalidRequest("a test takes either event or event_id")
    index = await _index(state, trial)
    event = await _recorded(state, trial.event_id) if trial.event is UNSET else _described(trial.event)
    what = seen(event, f"{max(0, milliseconds_of(event.occurred_at))}-0")
    return reply({"triggers": await asyncio.to_thread(tried, index, what)})


async def _index(state: State, trial: Trial) -> Index:
    if trial.config is UNSET:
        return (await state["flows"].current())[0]
    return Index(await asyncio.to_thread(_flows_of, bytes(trial.config)))


def _flows_of(config: bytes) -> Sequence[Flow]:
    """The flows of a configuration as PUT takes it, or of a bundle as a string of YAML."""
    if config.startswith(b'"'):
        return flows_of_bundle(msgspec.json.decode(config, type=str).encode("utf-8", "surrogatepass"))
    return flows_of_json(config)


def _described(given: dict[str, Any]) -> Event:
    try:
        return event_of(given)
    except (KeyError, ValueError, TypeError, OverflowError):
        raise InvalidRequest(bodies.INVALID) from None


async def _recorded(state: State, event_id: Any) -> Event:
    """An event that is in the history, fired on or not."""
    runs, _ = await state["runs"].page(filters={"event": str(event_id)}, limit=1)
    if runs:
        return runs[0].head.event
    before: str | None = None
    for _ in range(LOOKED_BACK // 500):
        page = await state["runs"].evaluations(before, 500)
        for id_, evaluation in page:
            before = id_
            if event_id in {evaluation.bus_id, seen(evaluation.event, evaluation.bus_id).event_id}:
                return evaluation.event
        if not page:
            break
    raise NotFound("event not found")
