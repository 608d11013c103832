"""Schedules: `cron` (five fields, a time zone) or `every`. Pure; moments are milliseconds since 1970."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

from gestalt_contracts.durations import seconds

MISFIRES = ("once", "skip")
LEAST_EVERY_MS = 1_000
LATE_MS = 60_000
"""A time that passed longer ago than this was missed: nobody was there to see it."""


class BadSchedule(Exception):
    """Why it is none."""


class Schedule(Struct, frozen=True):
    """When a flow is due. `misfire`: a time that was missed fires once when somebody is back, or is skipped."""

    every: int = 0
    cron: str = ""
    zone: str = "UTC"
    misfire: str = "once"

    def following(self, moment: int) -> int:
        """The first time after `moment`. Times of `every` are whole multiples since 1970, so replicas agree."""
        if self.every:
            return (moment // self.every + 1) * self.every
        after = datetime.fromtimestamp(moment / 1000, _zone(self.zone))
        return int(next(CronSim(self.cron, after)).timestamp() * 1000)

    def fires(self, due: int, now: int) -> bool:
        """Whether a time that is due at `due` still fires at `now`."""
        return self.misfire == "once" or now - due <= LATE_MS


def schedule_of(given: dict[str, Any]) -> Schedule:
    """The schedule that a trigger names. Raises BadSchedule."""
    unknown = set(given) - {"cron", "every", "timezone", "misfire"}
    if unknown:
        raise BadSchedule(f"unknown key {min(unknown)!r}")
    if ("cron" in given) == ("every" in given):
        raise BadSchedule("a schedule has either cron or every")
    misfire = given.get("misfire", "once")
    if misfire not in MISFIRES:
        raise BadSchedule("misfire is once or skip")
    if "every" in given:
        return Schedule(every=_every(given["every"]), misfire=misfire)
    return _cron(given["cron"], given.get("timezone", "UTC"), misfire)


def milliseconds(text: Any) -> int:
    """A duration as a person writes it. Raises BadSchedule."""
    try:
        return int(seconds(str(text)) * 1000)
    except (ValueError, OverflowError):
        raise BadSchedule(f"a duration is a number with s, m, h or d, not {text!r}") from None


def _every(given: Any) -> int:
    every = milliseconds(given)
    if every < LEAST_EVERY_MS:
        raise BadSchedule("every is one second at the least")
    return every


def _cron(expression: Any, zone: Any, misfire: str) -> Schedule:
    if not isinstance(expression, str) or len(expression.split()) != 5:  # noqa: PLR2004 - as cron has it
        raise BadSchedule("cron has five fields: minute, hour, day, month, weekday")
    schedule = Schedule(cron=expression, zone=str(zone), misfire=misfire)
    try:
        schedule.following(0)
    except (CronSimError, StopIteration, KeyError, ValueError, OSError) as error:
        raise BadSchedule(f"not a schedule: {error}") from None
    return schedule


def _zone(name: str) -> tzinfo:
    return ZoneInfo(name)
