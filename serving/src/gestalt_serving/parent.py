"""The parent of a service, which waits for its word."""

from __future__ import annotations

import gc


def say_ready(url: str) -> None:
    """The line that the parent waits for. What lives by now stays: the collector need not go over it, 10 ms a time."""
    gc.freeze()
    print(f"ready {url}", flush=True)  # noqa: T201 - it is read by the parent
