"""Which release this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any


def release() -> str:
    """The installed version; `dev` when run from loose files."""
    try:
        return version("gestalt-session")
    except PackageNotFoundError:
        return "dev"


def built_version() -> dict[str, Any]:
    """The version fields of /api/status."""
    text = release()
    numbers = [int(part) if part.isdigit() else 0 for part in text.split(".")[:3]] + [0, 0, 0]
    return {"version": text, "major": numbers[0], "minor": numbers[1], "patch": numbers[2], "built": ""}
