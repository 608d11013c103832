"""The types that flows match on, whatever an agent calls them."""

from __future__ import annotations

import re

TURN_COMPLETE = "agent-turn-complete"
"""What every type that is none of the others counts as: an agent that says something unknown has come to rest."""

_CANONICAL = {
    "new-plan": "plan-new",
    "plan-new": "plan-new",
    "progress": "plan-update",
    "start": "work-start",
    "work-start": "work-start",
    "work-progress": "work-progress",
    "finish": "work-finish",
    "work-finish": "work-finish",
    "commit": "git-commit",
    "git-commit": "git-commit",
}
_FAMILIES = {"prompt-voice": "prompt-voice", "prompt-text": "prompt-text", "plan-": "plan-update"}
"""Types that begin so."""


def canonical(kind: str) -> str:
    """The type that flows match on (reference, flow §8)."""
    slug = re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-")
    if slug in _CANONICAL:
        return _CANONICAL[slug]
    return next((name for prefix, name in _FAMILIES.items() if slug.startswith(prefix)), TURN_COMPLETE)
