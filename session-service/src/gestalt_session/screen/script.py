"""The script that the screen process runs; `make setup` builds it (session-service/screen)."""

from __future__ import annotations

from pathlib import Path


def bundle_path() -> Path:
    """Where it lies, if it was built."""
    return Path(__file__).with_name("bundle.js")
