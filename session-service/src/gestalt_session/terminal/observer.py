"""Who is told of sessions: the worker's terminals by each session, and the service by the terminals."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from gestalt_session.terminal.pacing import Limit
from gestalt_session.terminal.signboard import Subject

if TYPE_CHECKING:
    from gestalt_session.terminal.session import Session


class Listener(Protocol):
    """Who hears what a session says of itself."""

    def on_changed(self, session: Session) -> None:
        """Its summary is not what it was."""

    def on_bell(self, session: Session) -> None:
        """Its program rang."""

    def on_signed(self, session: Session, subject: Subject) -> None:
        """Its program calls itself otherwise, or is elsewhere, or its shell has come to another mark."""

    def on_question(self, session: Session, end: int, question: bytes) -> asyncio.Future[bytes]:
        """Its program has asked something that ends at that offset and that its screen alone can answer."""

    def on_resized(self, session: Session) -> None:
        """Its terminal has another size."""

    def on_activity(self, session: Session, *, active: bool) -> None:
        """It writes again, or has fallen quiet."""


class SessionListener(Listener, Protocol):
    """Who also speaks to its host."""

    def on_pace(self, session: Session, limit: Limit | None) -> None:
        """The host is to stop reading its terminal there; None: nowhere."""


class Observer(Listener, Protocol):
    """Who also hears of its beginning and its end."""

    def on_started(self, session: Session) -> None:
        """Its program runs, or has run already."""

    def on_closed(self, session: Session) -> None:
        """Its program has ended."""
