"""What a configuration must be (reference, flow §5): every problem is found and located, in the reference's order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from msgspec import UNSET, Struct

from gestalt_flow.catalogue import BY_ID, Activity, Field
from gestalt_flow.conditions import BadConditions, compiled
from gestalt_flow.model import NOTIFY_TYPES, SCHEDULED, Binding, Flow, Trigger
from gestalt_flow.schedules import MISFIRES, BadSchedule, milliseconds, schedule_of
from gestalt_flow.secrets import names_in
from gestalt_flow.slugs import LONGEST_SLUG, file_name, slug_of
from gestalt_flow.templates import BadTemplate, parsed

INVALID, CONFLICT = 400, 409
LONGEST_DURATION_MS = 366 * 86_400_000
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class Problem(Struct, frozen=True):
    """What is wrong, where, and the HTTP status it earns."""

    path: str
    message: str
    status: int = INVALID


class Part(Struct, frozen=True):
    """A flow as it was sent, and the names of its places there."""

    flow: Flow
    path: str
    bindings_path: str
    is_orphan: bool = False  # bindings of a trigger that is not there: looked at, then dropped


def problems_of(parts: Sequence[Part], version: int = 1) -> list[Problem]:
    """Everything wrong with a configuration; the first is the one to tell."""
    triggers = [part for part in parts if not part.is_orphan]
    found = [] if version in {0, 1} else [Problem("version", f"unsupported config version {version}")]
    known: set[str] = set()
    for part in triggers:
        found += _of_trigger(part)
        if part.flow.id and part.flow.id in known:
            found.append(Problem(f"{part.path}.id", f'duplicate trigger id "{part.flow.id}"', CONFLICT))
        known.add(part.flow.id)
    for part in parts:
        found += _of_bindings(part)
    return found + list(_of_names(triggers))


def _of_trigger(part: Part) -> Iterator[Problem]:
    trigger, path = part.flow.trigger, part.path
    if not trigger.id:
        yield Problem(f"{path}.id", "trigger id is required")
    if not trigger.event_type.strip():
        yield Problem(f"{path}.event_type", f'trigger "{trigger.id}" event_type is required')
    if trigger.event_type.strip().lower() in NOTIFY_TYPES:
        yield from _of_where(trigger, path)
    yield from _of_match(trigger, path)
    yield from _of_time(trigger, path)


def _of_where(trigger: Trigger, path: str) -> Iterator[Problem]:
    for given in trigger.where or {}:
        key = given.strip().lower()
        if not key:
            yield Problem(f"{path}.where", f'trigger "{trigger.id}" where key is required')
        elif key != "session.id":
            message = f'trigger "{trigger.id}" where key "{key}" is not supported for notify events'
            yield Problem(f"{path}.where.{given}", message)


def _of_match(trigger: Trigger, path: str) -> Iterator[Problem]:
    if trigger.match is UNSET:
        return
    try:
        compiled(trigger.match, f"{path}.match")
    except BadConditions as error:
        yield from (Problem(fault.path, f'trigger "{trigger.id}": {fault.message}') for fault in error.faults)


def _of_time(trigger: Trigger, path: str) -> Iterator[Problem]:
    for place, check in _time_checks(trigger):
        try:
            check()
        except BadSchedule as error:
            yield Problem(f"{path}.{place}", f'trigger "{trigger.id}" {place.partition(".")[0]}: {error}')


def _time_checks(trigger: Trigger) -> Iterator[tuple[str, Callable[[], Any]]]:
    if trigger.debounce is not UNSET:
        yield "debounce", lambda: pause_of(trigger.debounce)
    if trigger.cooldown is not UNSET:
        yield "cooldown", lambda: pause_of(trigger.cooldown)
    if trigger.throttle is not UNSET:
        yield from _throttle_checks(trigger.throttle)
    if trigger.absence is not UNSET:
        yield from _absence_checks(trigger.absence)
    is_scheduled = trigger.event_type.strip().lower() == SCHEDULED
    if trigger.schedule is not UNSET:
        yield from _schedule_checks(dict(trigger.schedule), is_scheduled=is_scheduled)
    elif is_scheduled:
        yield "schedule", lambda: _refuse(f'event_type "{SCHEDULED}" needs a schedule')


def _throttle_checks(given: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    if set(given) != {"limit", "per"}:
        yield "throttle", lambda: _refuse("throttle takes limit and per")
    if "limit" in given:
        yield "throttle.limit", lambda: _limit_of(given["limit"])
    if "per" in given:
        yield "throttle.per", lambda: pause_of(given["per"])


def _absence_checks(given: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[], Any]]]:
    if set(given) - {"for", "until"} or "for" not in given:
        yield "absence", lambda: _refuse("absence takes for and until")
    if "for" in given:
        yield "absence.for", lambda: pause_of(given["for"])
    yield "absence.until", lambda: _until_of(given.get("until", []))


def _schedule_checks(given: dict[str, Any], *, is_scheduled: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    misfire = given.pop("misfire", MISFIRES[0])
    yield "schedule", lambda: schedule_of(given)
    if misfire not in MISFIRES:
        yield "schedule.misfire", lambda: _refuse(f"misfire is {' or '.join(MISFIRES)}")
    if not is_scheduled:
        yield "schedule", lambda: _refuse(f'a schedule fires event_type "{SCHEDULED}"')


def _refuse(message: str) -> None:
    raise BadSchedule(message)


def pause_of(given: Any) -> int:
    """A duration in milliseconds. Raises BadSchedule."""
    pause = milliseconds(given)
    if not 0 < pause <= LONGEST_DURATION_MS:
        raise BadSchedule("a duration is more than nothing and at most a year")
    return pause


def throttle_of(given: Mapping[str, Any]) -> tuple[int, int]:
    """Limit and window in milliseconds. Raises BadSchedule."""
    return _limit_of(given["limit"]), pause_of(given["per"])


def _limit_of(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= 10_000:  # noqa: PLR2004 - a list each
        raise BadSchedule("limit is a number from 1 to 10000")
    return given


def absence_of(given: Mapping[str, Any]) -> tuple[int, frozenset[str]]:
    """How long nothing must come, and the event types that end the wait. Raises BadSchedule."""
    return pause_of(given["for"]), _until_of(given.get("until", []))


def _until_of(given: Any) -> frozenset[str]:
    if not isinstance(given, list) or not all(isinstance(kind, str) for kind in given):
        raise BadSchedule("until is a list of event types")
    return frozenset(kind.casefold() for kind in given)


def _of_bindings(part: Part) -> Iterator[Problem]:
    used: set[str] = set()
    for number, binding in enumerate(part.flow.bindings):
        path, name = f"{part.bindings_path}[{number}]", binding.activity_id
        if not name:
            yield Problem(f"{path}.activity_id", f'trigger "{part.flow.id}" activity_id is required')
            continue
        if name in used:
            yield Problem(path, f'duplicate activity "{name}" for trigger "{part.flow.id}"', CONFLICT)
        used.add(name)
        activity = BY_ID.get(name)
        if activity is None:
            yield Problem(f"{path}.activity_id", f'unknown activity_id "{name}"', CONFLICT)
        else:
            yield from _of_config(activity, binding, f"{path}.config")


def _of_config(activity: Activity, binding: Binding, path: str) -> Iterator[Problem]:
    config = binding.config or {}
    for field in activity.fields:
        value, name = config.get(field.key), f"{activity.id}.{field.key}"
        if value is None or (field.required and isinstance(value, str) and not value.strip()):
            if field.required:
                yield Problem(f"{path}.{field.key}", f"{name} is required")
        elif not _has_type(value, field.type):
            yield Problem(f"{path}.{field.key}", f"{name} must be {field.type}")
        elif reason := _wrong_value(field, value):
            yield Problem(f"{path}.{field.key}", f"{name} {reason}")


def _has_type(value: Any, kind: str) -> bool:
    if kind == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str if kind == "string" else bool)


def _wrong_value(field: Field, value: Any) -> str:
    """Why a value of the right type cannot be; empty when it can."""
    if field.enum and value.strip() and value.strip().lower() not in {word.lower() for word in field.enum}:
        return f"must be one of {', '.join(field.enum)}"
    if isinstance(value, int) and not isinstance(value, bool):
        return _out_of_bounds(field, value)
    if field.template:
        return _wrong_template(value)
    check = _CHECKS.get(field.key)
    return check(value) if check is not None and value.strip() else ""


def _out_of_bounds(field: Field, value: int) -> str:
    least, most = field.minimum, field.maximum
    fits = (least is None or value >= least) and (most is None or value <= most)
    return "" if fits else f"must be from {least} to {most}"


def _wrong_template(value: str) -> str:
    try:
        parsed(value)
    except BadTemplate as error:
        return f"is no template: {error}"
    return ""


def _wrong_url(value: str) -> str:
    try:
        url = urlsplit(value.strip())
        fits = url.scheme in {"http", "https"} and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        fits = False
    if not fits or any(character.isspace() or not character.isprintable() for character in value.strip()):
        return "must be an http or https URL"
    return ""


def _wrong_headers(value: str) -> str:
    try:
        headers = json.loads(value)
    except (ValueError, RecursionError):
        return "must be a JSON object of strings"
    if not isinstance(headers, dict) or not all(isinstance(text, str) for text in headers.values()):
        return "must be a JSON object of strings"
    bad = [
        name for name, text in headers.items() if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(text))
    ]
    return f"has a header that cannot be sent: {', '.join(map(repr, bad))}" if bad else ""


def _wrong_secret(value: str) -> str:
    return "" if names_in(value) else "must be a reference, ${secret:NAME}: secrets stay out of the configuration"


_CHECKS = {"url": _wrong_url, "headers_json": _wrong_headers, "signing_secret": _wrong_secret}


def _of_names(parts: Iterable[Part]) -> Iterator[Problem]:
    names: dict[str, str] = {}
    for part in parts:
        if not part.flow.id:
            continue
        slug = slug_of(part.flow.id)
        if not slug:
            yield Problem(f"{part.path}.id", "trigger id must normalize to a non-empty filename")
        elif len(slug) > LONGEST_SLUG:
            yield Problem(f"{part.path}.id", f"trigger id is longer than {LONGEST_SLUG} characters")
        elif names.setdefault(slug, part.flow.id) != part.flow.id:
            pair = f'trigger ids "{names[slug]}" and "{part.flow.id}"'
            message = f'{pair} map to the same managed filename "{file_name(slug)}"'
            yield Problem(f"{part.path}.id", message, CONFLICT)
