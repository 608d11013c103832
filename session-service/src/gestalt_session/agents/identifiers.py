"""Which words may become file names. Nothing that passes here leads out of a directory."""

from __future__ import annotations

import re

LONGEST_ID = 128  # a file name with its suffix has 255 bytes
_AGENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SKILL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_SKILL = 64


def is_agent_id(word: str) -> bool:
    """Letters, digits, `.`, `_`, `-`; no `..`, and no `.toml`, which would name the file and not the agent."""
    fits = len(word) <= LONGEST_ID and _AGENT.fullmatch(word) is not None
    return fits and ".." not in word and not word.lower().endswith(".toml")


def is_skill_name(word: str) -> bool:
    """Lower-case words joined by single hyphens, 64 characters at the most."""
    return len(word) <= LONGEST_SKILL and _SKILL.fullmatch(word) is not None
