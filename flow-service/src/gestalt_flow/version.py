"""Which release this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """The installed version; `dev` when run from loose files."""
    try:
        return version("gestalt-flow")
    except PackageNotFoundError:
        return "dev"
