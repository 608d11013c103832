"""What the program of a session says of itself, kept for the next worker and told to whoever wants to know."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from gestalt_session.terminal.news import News
from gestalt_session.terminal.scanner import Sign
from gestalt_session.terminal.signs import Signs, after
from gestalt_session.terminal.slot import replace_file


class Subject(StrEnum):
    """What may have changed."""

    TITLE = "title"
    DIRECTORY = "directory"
    PROMPT = "prompt"


_TITLE_SECONDS = 1.0  # agents have spinners in their titles
_PROMPT_SECONDS, _PROMPT_BURST = 0.5, 16  # four commands' marks at once; a program that does nothing else is thinned


class Signboard:
    """Of one session. `tell` is called with what has changed, at most so often; the last change is always told."""

    def __init__(self, path: Path, tell: Callable[[Subject], None]) -> None:
        self._path = path
        self._tell = tell
        self._kept = self.signs = _load(path)
        self._news = {
            Subject.TITLE: News(partial(self._told, Subject.TITLE), seconds=_TITLE_SECONDS),
            Subject.DIRECTORY: News(partial(self._told, Subject.DIRECTORY), seconds=_TITLE_SECONDS),
            Subject.PROMPT: News(partial(self._told, Subject.PROMPT), seconds=_PROMPT_SECONDS, burst=_PROMPT_BURST),
        }

    def heard(self, sign: Sign, said: bytes) -> None:
        """The program has said something."""
        before, self.signs = self.signs, after(self.signs, sign, said)
        if self.signs.shown_title != before.shown_title:
            self._news[Subject.TITLE].changed()
        if self.signs.directory != before.directory:
            self._news[Subject.DIRECTORY].changed()
        if self.signs.prompt != before.prompt:
            self._news[Subject.PROMPT].changed()

    def close(self) -> None:
        """Tell nothing more; what was not told is kept all the same."""
        for news in self._news.values():
            news.close()
        self._keep()

    def summary(self, started_in: str) -> dict[str, Any]:
        """The fields of a summary."""
        prompt = self.signs.prompt
        return {
            "terminal_title": self.signs.shown_title,
            "cwd": self.signs.directory or started_in,
            "prompt": None if prompt is None else msgspec.structs.asdict(prompt),
        }

    def _told(self, subject: Subject) -> None:
        self._keep()
        self._tell(subject)

    def _keep(self) -> None:
        if self.signs != self._kept:
            self._kept = self.signs
            with suppress(OSError):  # a full disk: the next worker learns it from the program
                replace_file(self._path, msgspec.json.encode(self.signs))


def _load(path: Path) -> Signs:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Signs)
    except (OSError, msgspec.MsgspecError):
        return Signs()
