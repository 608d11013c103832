"""Which release this is."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def release() -> str:
    """The installed version; `dev` when run from loose files."""
    try:
        return version("gestalt-telemetry")
    except PackageNotFoundError:
        return "dev"
