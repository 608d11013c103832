"""`gestalt-notify --session-id ID <json|->`: a hook's word.

Exit 0, 1 usage, 2 refused, 3 no server or its error, 4 no such session, 5 not a valid payload.
"""

from __future__ import annotations

import os
import re

from gestalt_cli.api import Refused, Server, Unreachable
from gestalt_cli.compatible.flags import Flags, explain, run, server_of
from gestalt_cli.errors import CommandFailed
from gestalt_cli.notices import deliver, notice, payload_of

PROGRAM = "gestalt-notify"
USAGE, REFUSED, FAILED, NO_SESSION, INVALID = 1, 2, 3, 4, 5
SERVER_ERROR, UNPROCESSABLE = 500, 422
TIMEOUT = "2s"
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def flags() -> Flags:
    """What can be typed."""
    parser = Flags(PROGRAM, "Deliver a hook's word about an agent's session.", usage_code=USAGE)
    parser.flag("session-id", default=os.environ.get("GESTALT_SESSION_ID", ""), help="the session (GESTALT_SESSION_ID)")
    parser.flag("timeout", default=TIMEOUT, help=f"how long to wait for the server ({TIMEOUT})")
    parser.flag("verbose", action="store_true", help="say what is sent where")
    parser.flag("debug", action="store_true", help="likewise, and the payload")
    parser.add_argument("payload", metavar="json", help='an object with a string "type"; - reads it from stdin')
    return parser


def notify(arguments: list[str]) -> int:
    """Run it; the exit code. Raises CommandFailed."""
    parser = flags()
    given = parser.parse_args(arguments)
    session = given.session_id.strip()
    if not session:
        parser.error("--session-id is required")
    timeout = duration(parser, given.timeout)
    server = server_of(parser, given)
    body = notice(session, payload_of(given.payload))
    if given.verbose or given.debug:
        explain(server, f"session: {session}", *([f"payload: {body['payload']}"] if given.debug else []))
    _deliver(server, session, body, timeout)
    return 0


def duration(parser: Flags, text: str) -> float:
    """Seconds in `2s`, `500ms`, `1m30s`; a bare number counts seconds. Raises Usage."""
    if re.fullmatch(r"\d+(\.\d+)?", text):
        text += "s"
    if not _DURATION.fullmatch(text) or not (
        seconds := sum(float(n) * _SECONDS[unit] for n, unit in _PART.findall(text))
    ):
        parser.error(f"timeout is a duration like {TIMEOUT} or 500ms, not {text!r}")
    return seconds


def _deliver(server: Server, session: str, body: dict[str, object], timeout: float) -> None:
    try:
        found = deliver(server, body, timeout)
    except Unreachable as error:
        raise CommandFailed(str(error), exit_code=FAILED) from None
    except Refused as refusal:
        raise CommandFailed(str(refusal), exit_code=code_of(refusal.status)) from None
    if not found:
        raise CommandFailed(f"session not found: {session!r} at {server.url}", exit_code=NO_SESSION)


def code_of(status: int) -> int:
    """The exit code for an HTTP error."""
    if status == UNPROCESSABLE:
        return INVALID
    return FAILED if status >= SERVER_ERROR else REFUSED


def main() -> None:
    """The console script."""
    run(notify)
