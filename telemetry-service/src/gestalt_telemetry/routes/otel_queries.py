"""Asking for spans, metrics, and what is counted from them."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response

from gestalt_contracts.durations import seconds
from gestalt_contracts.errors import InvalidRequest, NotFound
from gestalt_telemetry.queries import series, timed
from gestalt_telemetry.queries.timed import Wanted
from gestalt_telemetry.routes.parameters import NS, Parameters, trace_id_of
from gestalt_telemetry.routes.state import Resources, long_reply, page, reply
from gestalt_telemetry.store.port import SeriesWanted
from gestalt_telemetry.store.rows import MINUTE_NS

router = APIRouter(prefix="/api/otel")
SERIES_SECONDS = 3_600  # that a series covers when no time is given
MOST_STEPS = 10_000


@router.get("/traces")
async def spans(request: Request, state: Resources) -> Response:
    """The last spans that match, by start."""
    asked = Parameters(request)
    return page(await state["store"].spans(_spans(asked), asked.limit()))


@router.get("/traces/{trace_id}")
async def one_trace(trace_id: str, state: Resources) -> Response:
    """One trace as a tree."""
    known = trace_id_of(trace_id)
    found = await state["store"].trace(known) if known else []
    if not found:
        raise NotFound("trace not found")
    return await long_reply(lambda: {"trace_id": known.hex(), "spans": timed.tree(found)})


@router.get("/metrics")
async def metrics(request: Request, state: Resources) -> Response:
    """The last exported metrics that match, by the time of their newest data point."""
    asked = Parameters(request)
    return page(await state["store"].metrics(_metrics(asked), asked.limit()))


@router.get("/metrics/series")
async def metric_series(request: Request, state: Resources) -> Response:
    """One metric over time: `name`, `step`, `aggregation` (sum, avg, min, max, last, count)."""
    asked = Parameters(request)
    asked.limit()  # of what is one answer: only refused when it is none
    wanted = _metrics(asked)
    step = _step(asked, 1)
    aggregation = asked.text("aggregation") or "avg"
    if not wanted.name:
        raise InvalidRequest("missing name")
    if aggregation not in series.AGGREGATIONS:
        raise InvalidRequest("invalid aggregation")
    if wanted.since is None:
        since = (wanted.until if wanted.until is not None else time.time_ns()) - SERIES_SECONDS * NS
        wanted = Wanted(wanted.name, wanted.session, None, since, wanted.until)
    found = await state["store"].series(SeriesWanted(wanted, step, aggregation))
    told = {"series": found.series, "series_left_out": found.left_out}
    asked_for = {"name": wanted.name, "step_seconds": step / NS, "aggregation": aggregation}
    return await long_reply(lambda: asked_for | told)


@router.get("/logs/histogram")
async def log_histogram(request: Request, state: Resources) -> Response:
    """Log records counted by time and level."""
    asked = Parameters(request)
    asked.limit()
    step = max(MINUTE_NS, _step(asked, 60) // MINUTE_NS * MINUTE_NS)
    found = await state["store"].histogram(asked.logs(), step)
    return reply({"buckets": found})


@router.get("/usage")
async def session_usage(request: Request, state: Resources) -> Response:
    """Tokens and cost of each session."""
    asked = Parameters(request)
    asked.limit()
    found = await state["store"].usage(asked.time("since"), asked.time("until"))
    session = asked.text("session_id")
    return reply(
        {"sessions": [one for one in found if not session or session in {one["session_id"], one["session_uid"]}]}
    )


def _spans(asked: Parameters) -> Wanted:
    return Wanted(
        asked.text("span_name"),
        asked.text("session_id"),
        asked.trace_id(),
        asked.time("since"),
        asked.time("until"),
        asked.query(),
    )


def _metrics(asked: Parameters) -> Wanted:
    return Wanted(
        asked.text("name"), asked.text("session_id"), None, asked.time("since"), asked.time("until"), asked.query()
    )


def _step(asked: Parameters, least: float) -> int:
    """`step` as ns: a duration; a minute when absent. Raises InvalidRequest."""
    given = asked.text("step")
    try:
        length = seconds(given) if given else 60.0
    except ValueError:
        raise InvalidRequest("invalid step") from None
    if not least <= length <= MOST_STEPS * 86_400:
        raise InvalidRequest("invalid step")
    return round(length * NS)
