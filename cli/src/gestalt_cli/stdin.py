"""What comes on stdin, whole and bounded."""

from __future__ import annotations

import sys

from gestalt_cli.errors import CommandFailed

LARGEST = 1024 * 1024
"""Bytes: what the server takes at once, as input or as JSON."""


def read(*, exit_code: int = 1) -> bytes:
    """All of stdin; empty too when it is closed. Raises CommandFailed for more than the server takes."""
    data = sys.stdin.buffer.read(LARGEST + 1) if sys.stdin is not None else b""
    if len(data) > LARGEST:
        raise CommandFailed(f"stdin has more than {LARGEST} bytes: send it in parts", exit_code=exit_code)
    return data


def typed() -> bytes:
    """What is to be typed. Raises CommandFailed for too much, and for nothing."""
    data = read()
    if not data:
        raise CommandFailed("nothing to send: stdin is empty")
    return data
