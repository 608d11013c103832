"""One line a request, and one now and then for failed authentication: never a token."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from gestalt_gateway.request import Request

FAILURES_EVERY = 10.0
"""Seconds between two lines about failed authentication, however many there are."""

UNAUTHORIZED = 401

log = structlog.get_logger("gestalt_gateway.access")


class AccessLog:
    """Writes the log of requests."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._last_client = ""
        self._told_at = float("-inf")

    def answered(self, request: Request, template: str, status: int, seconds: float, **more: object) -> None:
        """Tell one answer; refusals for want of a credential are only counted."""
        if status == UNAUTHORIZED:
            self._refused(request)
            return
        log.info(
            "request",
            request_id=request.id.decode("latin-1"),
            method=request.method,
            route=template,
            status=status,
            ms=round(seconds * 1000, 1),
            **more,
        )

    def tell_failures(self) -> None:
        """Say how many were refused since it was last said; for the end."""
        if self._failures:
            log.warning("authentication failed", times=self._failures, last_client=self._last_client)
            self._failures = 0
            self._told_at = self._clock()

    def _refused(self, request: Request) -> None:
        self._failures += 1
        self._last_client = request.client
        if self._clock() - self._told_at >= FAILURES_EVERY:
            self.tell_failures()
