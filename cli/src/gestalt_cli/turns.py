"""Sending to a session and waiting until it is done: an agent with its turn, anything else when it falls silent."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Iterator

from gestalt_cli.api import Refused, Server
from gestalt_cli.errors import CommandFailed
from gestalt_cli.feed import Event, Feed
from gestalt_cli.sessions import Summary, uid_of

QUIET_SECONDS = 1.0
READY_SECONDS = 10.0
OVER_TIME = 3
"""Exit code when it did not come to an end in time."""
FEEDS = ("/api/notifications/stream", "/api/events/stream")
"""A hook's word is a notification, the end of a session an event. Both are needed: neither may pass unseen."""
COMPLETE, CLOSED = "agent-turn-complete", "terminal_closed"
EVENTS_AHEAD = 256

Act = Callable[[], object]


def wait_for_turn(server: Server, session: Summary, act: Act, timeout: float) -> None:
    """Act, and return when the agent says that its turn is complete. Raises CommandFailed: ended, or out of time."""
    until = time.monotonic() + timeout
    told: queue.Queue[Event] = queue.Queue(EVENTS_AHEAD)
    for feed in subscribed(server):
        threading.Thread(target=_pour, args=(feed, told), daemon=True).start()
    act()
    for event in _until(told, until):
        if event.get("session_id") not in {session["id"], uid_of(session)}:
            continue
        if kind_of(event) == COMPLETE:
            return
        if kind_of(event) == kind(CLOSED):
            raise CommandFailed(f"session {session['id']!r} ended before its turn was complete")
    raise over_time(session, timeout)


def subscribed(server: Server) -> list[Feed]:
    """The streams that tell how a turn ends. Raises CommandFailed before anything is typed."""
    feeds = [Feed(server, path) for path in FEEDS]
    for feed, path in zip(feeds, FEEDS, strict=True):
        try:
            feed.open()
        except Refused as refusal:
            raise CommandFailed(f"cannot wait for an agent's turn at {server.url}{path}: {refusal}") from None
    return feeds


def kind(text: str) -> str:
    """The type of a hook's word as it is compared: small letters and digits, the rest as one hyphen."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def kind_of(event: Event) -> str:
    """The type of an event, likewise."""
    return kind(str(event.get("type", "")))


def _pour(feed: Feed, told: queue.Queue[Event]) -> None:
    try:
        for event in feed.events():
            told.put(event)
    except Refused:
        return  # the other stream, or the time limit, ends the waiting


def _until(told: queue.Queue[Event], until: float) -> Iterator[Event]:
    while (left := until - time.monotonic()) > 0:
        try:
            yield told.get(timeout=left)
        except queue.Empty:
            return


def wait_for_quiet(server: Server, session: Summary, act: Act, timeout: float) -> None:
    """Act, and return when the session has written nothing for a second, or has ended. Raises CommandFailed."""
    from websockets.exceptions import ConnectionClosed, WebSocketException  # noqa: PLC0415 - needed here, slow to import
    from websockets.sync.client import connect  # noqa: PLC0415

    from gestalt_cli.attach.wire import FINAL, Place, address, dialling  # noqa: PLC0415

    url = address(server, uid_of(session), Place(), readonly=True)
    until = time.monotonic() + timeout
    ready = False
    try:
        with connect(url, **dialling(server)) as socket:
            socket.recv(READY_SECONDS)
            ready = True
            act()
            quiet = _is_quiet(socket.recv, until)
    except ConnectionClosed as closed:
        if not ready or closed.rcvd is None or closed.rcvd.code not in FINAL:
            raise lost(server, session, typed=ready) from None
    except (OSError, WebSocketException, TimeoutError):
        raise lost(server, session, typed=ready) from None
    else:
        if not quiet:
            raise over_time(session, timeout)


def _is_quiet(receive: Callable[[float], object], until: float) -> bool:
    """Receive until nothing comes for a second; False when time is over before."""
    while time.monotonic() + QUIET_SECONDS <= until:
        try:
            receive(QUIET_SECONDS)
        except TimeoutError:
            return True
    return False


def lost(server: Server, session: Summary, *, typed: bool) -> CommandFailed:
    """Nobody knows whether it is done. `typed`: typing had begun."""
    known = "it may or may not have been typed" if typed else "nothing was typed"
    return CommandFailed(f"lost {server.url} while waiting for {session['id']!r}: {known}")


def over_time(session: Summary, timeout: float) -> CommandFailed:
    """It takes longer than was to be waited for."""
    return CommandFailed(f"{session['id']!r} is not done after {timeout:g} s (--timeout)", exit_code=OVER_TIME)
