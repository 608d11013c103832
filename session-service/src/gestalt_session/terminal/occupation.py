"""What an agent is taken up with, beside writing: prompts that it is still to be told, a turn that it has not ended."""

from __future__ import annotations

from collections.abc import Callable

PROMPTS, TURN = "prompts", "turn"


class Occupation:
    """Of one session, as far as its worker knows; a worker that takes it over begins with nothing.

    `changed` is called when it may have changed.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._prompting = False
        self._ends_turns = False
        self._in_turn = False

    @property
    def now(self) -> str | None:
        """PROMPTS, TURN or nothing. A turn counts for an agent that tells its turns' ends alone: others have none."""
        if self._prompting:
            return PROMPTS
        return TURN if self._in_turn and self._ends_turns else None

    def prompts_are(self, *, open: bool) -> None:  # noqa: A002 - the word for it
        """Prompts of its launch are still to be typed, or are not any more."""
        self._prompting = open
        self._changed()

    def prompted(self) -> None:
        """It was given something to do."""
        self._in_turn = True
        self._changed()

    def turn_ended(self) -> None:
        """It says that it has come to rest."""
        self._in_turn, self._ends_turns = False, True
        self._changed()
