"""Following an event stream (SSE), over as many connections as it takes."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from gestalt_cli.api import Refused, Server, Unreachable, object_of, opened

SILENCE_SECONDS = 45.0
"""The server says something every 15 s; after three times as long nobody is there."""
LONGEST_LINE = 8 * 1024 * 1024
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
SERVER_ERROR = 500

Event = dict[str, Any]


class Feed:
    """One stream. `open` subscribes: what happens after it is told, whenever it is asked for.

    After a lost connection it goes on behind the last event; if the server no longer has what came then, an event of
    type `reset` says so.
    """

    def __init__(self, server: Server, path: str, after: str = "") -> None:
        """`after`: the id of an event that is known already; empty: from where the stream begins by itself."""
        self._server, self._path = server, path
        self._after = after
        self._answer: Any = None
        self._pause = threading.Event()

    def open(self) -> None:
        """Subscribe. Raises Unreachable or Refused."""
        self.close()
        after = {"Last-Event-ID": self._after} if self._after else {}
        headers = {"Accept": "text/event-stream", **after}
        self._answer = opened(self._server, "GET", self._path, headers=headers, timeout=SILENCE_SECONDS)

    def close(self) -> None:
        """Leave."""
        if self._answer is not None:
            self._answer.close()
            self._answer = None

    def events(self) -> Iterator[Event]:
        """Events as they come, without an end. Raises Refused when the server does not take us back."""
        with closing(self):
            while True:
                yield from self._until_cut_off()
                self._reopen()

    def _until_cut_off(self) -> Iterator[Event]:
        data = ""
        for line in self._lines():
            field, _, value = line.partition(":")
            match field:
                case "data":
                    data += value.removeprefix(" ")
                case "id":
                    self._after = value.strip()
                case "" if not value and data:
                    yield object_of(data)
                    data = ""

    def _lines(self) -> Iterator[str]:
        while True:
            try:
                line: bytes = self._answer.readline(LONGEST_LINE)
            except (OSError, ValueError, http.client.HTTPException):
                return
            if not line:
                return
            yield line.decode(errors="replace").rstrip("\r\n")

    def _reopen(self) -> None:
        pause = FIRST_PAUSE
        while True:
            self._pause.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            try:
                self.open()
            except Unreachable:
                continue
            except Refused as refusal:
                if refusal.status < SERVER_ERROR:
                    raise
            else:
                return
