"""Which version this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def said_by(program: str) -> str:
    """What `--version` prints: `<program> version X`, or `<program> dev` from a source tree that is not installed."""
    try:
        return f"{program} version {version('gestalt-cli')}"
    except PackageNotFoundError:
        return f"{program} dev"
