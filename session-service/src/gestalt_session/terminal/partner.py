"""What a session does for its dialogue: types answers, passes on what is said, and asks its screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from gestalt_session.terminal.answers import Facts
from gestalt_session.terminal.keyboard import KeyboardClosed, KeyboardFull
from gestalt_session.terminal.observer import SessionListener
from gestalt_session.terminal.scanner import Sign
from gestalt_session.terminal.theme import Look

if TYPE_CHECKING:
    from gestalt_session.terminal.session import Session


class SessionPartner:
    """Of one session (see dialogue.Partner)."""

    def __init__(self, session: Session, listener: SessionListener, look: Look) -> None:
        self._session = session
        self._listener = listener
        self._look = look
        self._unsaid: list[tuple[bytes, Callable[[], None]]] = []

    def say(self, answer: bytes, taken: Callable[[], None]) -> None:
        """Answer its program; call `taken` when that has arrived. One that does not read waits for no answer."""
        if self._session.keyboard is None:
            self._unsaid.append((answer, taken))  # it asked before its start was noted
            return
        try:
            done = self._session.keyboard.press(answer).done
        except (KeyboardClosed, KeyboardFull):
            taken()
            return
        if done.done():
            taken()
        else:
            done.add_done_callback(lambda _: taken())

    def say_the_rest(self) -> None:
        """Its keyboard is there."""
        unsaid, self._unsaid = self._unsaid, []
        for answer, taken in unsaid:
            self.say(answer, taken)

    def ring(self) -> None:
        """Its program has rung."""
        self._listener.on_bell(self._session)

    def signed(self, sign: Sign, said: bytes) -> None:
        """Its program has said something of itself."""
        self._session.signboard.heard(sign, said)

    def facts(self) -> Facts:
        """What is known without its screen."""
        return Facts(self._session.file.cols, self._session.file.rows, self._look)

    def ask_screen(self, end: int, question: bytes) -> asyncio.Future[bytes]:
        """What only its screen can answer."""
        return self._listener.on_question(self._session, end, question)
