"""`gestalt-send <session-ref>`: stdin into a session. Exit 0, 1 usage, 2 no such session, 3 anything else."""

from __future__ import annotations

import argparse
import sys

from gestalt_cli.api import NOT_FOUND, Refused, Server, call, segment
from gestalt_cli.api import send as request
from gestalt_cli.compatible.completion import script
from gestalt_cli.compatible.flags import Flags, explain, run, server_of
from gestalt_cli.errors import CommandFailed
from gestalt_cli.sessions import resolve
from gestalt_cli.stdin import typed

PROGRAM = "gestalt-send"
USAGE, NO_SESSION, FAILED = 1, 2, 3
SHOWN_BYTES = 100
"""Of what is typed, with --debug."""


def flags() -> Flags:
    """What can be typed."""
    parser = Flags(PROGRAM, "Type stdin into a session, as it is.", usage_code=USAGE)
    parser.flag("verbose", action="store_true", help="say what is sent where")
    parser.flag("debug", action="store_true", help="likewise, and how it begins")
    parser.add_argument("ref", metavar="session-ref", help="a session's id; 'name' means 'name 1'")
    return parser


def send(arguments: list[str]) -> int:
    """Run it; the exit code. Raises CommandFailed."""
    if arguments[:1] == ["completion"] and len(arguments) > 1:
        sys.stdout.write(script(PROGRAM, flags(), arguments[1:], USAGE))
        return 0
    parser = flags()
    given = parser.parse_args(arguments)
    if not given.ref.strip():
        parser.error("session reference is empty")
    server = server_of(parser, given)
    try:
        _send(server, given)
    except CommandFailed as error:
        code = error.exit_code if error.exit_code == NO_SESSION else FAILED
        raise CommandFailed(str(error), exit_code=code) from None
    return 0


def _send(server: Server, given: argparse.Namespace) -> None:
    session = resolve(given.ref, call(server, "GET", "/api/sessions"))
    data = typed()
    if given.verbose or given.debug:
        begins = [f"data: {data[:SHOWN_BYTES]!r}"] if given.debug else []
        explain(server, f"session: {session}", f"bytes: {len(data)}", *begins)
    _type(server, given.ref, session, data)


def _type(server: Server, ref: str, session: str, data: bytes) -> None:
    try:
        path = f"/api/sessions/{segment(session)}/input"
        request(server, "POST", path, data, {"Content-Type": "application/octet-stream"})
    except Refused as refusal:
        if refusal.status == NOT_FOUND:
            line = f"{refusal}: {session!r} (resolved from {ref!r}) at {server.url}; gestalt ls shows which there are"
            raise CommandFailed(line, exit_code=NO_SESSION) from None
        raise


def main() -> None:
    """The console script."""
    run(send)
