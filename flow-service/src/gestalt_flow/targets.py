"""Who reads what a template makes: that decides how the event's text in it is escaped. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from gestalt_flow.escaping import Place, Target
from gestalt_flow.templates import parsed

TYPED = frozenset({"send_to_terminal", "spawn_agent_session"})
BODY = "body_template"
TITLE = "title_template"
_FORM = "application/x-www-form-urlencoded"
_MARKUP = frozenset({"text/html", "text/xml", "application/xml", "application/xhtml+xml"})


def target_of(activity_id: str, key: str, template: str, config: Mapping[str, Any]) -> Target:
    """The reader of one template of an activity."""
    if key == BODY:
        return _reader_of(_media_type(config.get("headers_json")), template)
    return Target.TERMINAL if activity_id in TYPED and key != TITLE else Target.PLAIN


def _media_type(headers_json: Any) -> str | None:
    """What the headers say of the body; None when they say nothing."""
    try:
        headers = json.loads(headers_json or "{}")
    except ValueError:
        return None
    found = next((text for name, text in headers.items() if name.lower() == "content-type"), None)
    return None if found is None else found.partition(";")[0].strip().lower()


def _reader_of(media_type: str | None, template: str) -> Target:
    if media_type is None:
        return Target.JSON if is_json(template) else Target.TEXT
    if media_type == "application/json" or media_type.endswith("+json"):
        return Target.JSON
    if media_type == _FORM:
        return Target.FORM
    return Target.MARKUP if media_type in _MARKUP or media_type.endswith("+xml") else Target.TEXT


@lru_cache(256)
def is_json(template: str) -> bool:
    """Whether a template is an object of JSON, or a list of some, with something in place of its tokens."""
    place, pieces = Place(), []
    for word in parsed(template):
        place.after(word.literal)
        pieces.append(word.literal or ("" if place.is_quoted else "0"))
    if not pieces or pieces[0].lstrip()[:1] not in {"{", "["}:
        return False
    try:
        found = json.loads("".join(pieces))
    except (ValueError, RecursionError):
        return False
    return isinstance(found[0] if isinstance(found, list) and found else found, dict)
