"""What a worker's terminals tell of their sessions."""

from __future__ import annotations

from typing import Protocol

from gestalt_session.terminal.session import Session


class Observer(Protocol):
    """Who is told about sessions."""

    def on_changed(self, session: Session) -> None:
        """Its summary is not what it was."""

    def on_started(self, session: Session) -> None:
        """Its program runs, or has run already."""

    def on_closed(self, session: Session) -> None:
        """Its program has ended."""

    def on_bell(self, session: Session) -> None:
        """Its program rang."""

    def on_resized(self, session: Session) -> None:
        """Its terminal has another size."""

    def on_activity(self, session: Session, *, active: bool) -> None:
        """It writes again, or has fallen quiet."""
