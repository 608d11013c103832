"""Why a store does not do what it was asked."""

from __future__ import annotations


class TookTooLong(Exception):
    """The query was given up."""


class StoreUnreadable(Exception):
    """The store cannot be read now."""


class WriterAway(Exception):
    """No writer: one is being started."""


class WriterBehind(Exception):
    """More waits for the writer than may."""
