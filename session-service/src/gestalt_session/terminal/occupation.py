"""What an agent is taken up with, beside writing: prompts that it is still to be told, a turn that it has not ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

PROMPTS, TURN = "prompts", "turn"


class Turns(Protocol):
    """What is kept of an agent's turns, whichever worker has its session."""

    ends_turns: bool  # it says when it has come to rest
    in_turn: bool  # it was given something to do, and has not said so since


class Occupation:
    """Of one session. `changed` is called when it may have changed."""

    def __init__(self, turns: Turns, changed: Callable[[], None]) -> None:
        self._turns = turns
        self._changed = changed
        self._prompting = False

    @property
    def now(self) -> str | None:
        """PROMPTS, TURN or nothing. A turn counts for an agent that tells its turns' ends alone: others have none."""
        if self._prompting:
            return PROMPTS
        return TURN if self._turns.in_turn and self._turns.ends_turns else None

    def prompts_are(self, *, open: bool) -> None:  # noqa: A002 - the word for it
        """Prompts of its launch are still to be typed, or are not any more."""
        self._prompting = open
        self._changed()

    def prompted(self) -> bool:
        """It was given something to do; whether that is news, and to be kept."""
        return self._turn(in_turn=True, ends_turns=self._turns.ends_turns)

    def turn_ended(self) -> bool:
        """It says that it has come to rest; whether that is news, and to be kept."""
        return self._turn(in_turn=False, ends_turns=True)

    def _turn(self, *, in_turn: bool, ends_turns: bool) -> bool:
        if (self._turns.in_turn, self._turns.ends_turns) == (in_turn, ends_turns):
            return False
        self._turns.in_turn, self._turns.ends_turns = in_turn, ends_turns
        self._changed()
        return True
