"""Tokens of programs in sessions: `<uid>.<random>`, known to the program alone; everybody else keeps the hash."""

from __future__ import annotations

import hashlib
import re
import secrets

RANDOM_BYTES = 32  # not to be guessed, so the hash needs neither salt nor stretching
_SHAPE = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.[A-Za-z0-9_-]{43}")


def new_token(uid: str) -> str:
    """A fresh token of the session `uid`, safe in a header and in an environment."""
    return f"{uid}.{secrets.token_urlsafe(RANDOM_BYTES)}"


def hash_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def uid_in(token: str) -> str | None:
    """The uid a token claims to be of; None for what is no session's token."""
    shaped = _SHAPE.fullmatch(token)
    return shaped[1] if shaped else None
