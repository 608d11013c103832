"""How far an agent is with its plan, as it says so itself: replaced whole by each word, kept beside the session."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct

from gestalt_contracts.errors import Unprocessable
from gestalt_session.notices.notice import Notice, Payload

_LEADING = re.compile(r"\s*\*+(?=\s|$)|\s*(?:TODO|WIP|DONE)(?=\s|$)", re.IGNORECASE)
_COOKIE = re.compile(r"\s*\[#[A-Za-z]\]")
DEEPEST = 99
"""Org headings nest without a limit; a level beyond this is a mistake."""


class Progress(Struct, frozen=True):
    """`updated_at` is RFC 3339: when the agent said so."""

    plan_file: str
    l1: str
    l2: str
    task_level: int
    task_state: str
    updated_at: str

    def shown(self) -> dict[str, Any]:
        """What `progress` answers: empty fields are left out (reference, sessions §4.11)."""
        facts = {
            "plan_file": self.plan_file,
            "l1": self.l1,
            "l2": self.l2,
            "task_level": self.task_level,
            "task_state": self.task_state,
            "updated_at": self.updated_at,
        }
        return {"has_progress": True} | {key: value for key, value in facts.items() if value}


NONE = {"has_progress": False}


def progress_of(notice: Notice, updated_at: str) -> Progress:
    """The progress that a notice tells. Raises Unprocessable without the plan's file."""
    payload = notice.payload
    plan_file = _base_name(payload.get("plan_file"))
    if not plan_file:
        raise Unprocessable("missing plan_file")
    return Progress(
        plan_file,
        _heading(payload.get("l1")),
        _heading(payload.get("l2")),
        _level(payload.get("task_level")),
        _trimmed(payload.get("task_state")),
        updated_at,
    )


def normalised(payload: Payload, progress: Progress) -> Payload:
    """The payload with what it says of the plan cleaned up; what it does not say is not added."""
    clean = {
        "plan_file": progress.plan_file,
        "l1": progress.l1,
        "l2": progress.l2,
        "task_level": progress.task_level or "",
        "task_state": progress.task_state,
    }
    return {key: clean.get(key, value) for key, value in payload.items()}


def _trimmed(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _base_name(value: object) -> str:
    return PurePosixPath(_trimmed(value).replace("\\", "/")).name


def _heading(value: object) -> str:
    """A heading's text: without stars, keyword and priority."""
    text = _trimmed(value)
    for pattern in (_LEADING, _LEADING, _COOKIE):  # stars, then a keyword
        text = pattern.sub("", text, count=1) if pattern.match(text) else text
    return " ".join(text.split())


def _level(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 <= value <= DEEPEST else 0
