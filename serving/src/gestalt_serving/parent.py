"""The parent of a service: it waits for the word that it serves, and the service ends with it."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def say_ready(url: str) -> None:
    """The line that the parent waits for. What lives by now stays: the collector need not go over it, 10 ms a time."""
    gc.freeze()
    print(f"ready {url}", flush=True)  # noqa: T201 - it is read by the parent


@contextmanager
def parent_gone(then: Callable[[], None]) -> Iterator[None]:
    """Call `then` when stdin ends: whoever started us holds its other end."""
    loop, stdin = asyncio.get_running_loop(), sys.stdin.fileno()

    def look() -> None:
        if not os.read(stdin, 1024):
            loop.remove_reader(stdin)
            then()

    loop.add_reader(stdin, look)
    try:
        yield
    finally:
        loop.remove_reader(stdin)
