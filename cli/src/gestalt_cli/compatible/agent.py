"""`gestalt-agent <agent-id>`: an agent in this terminal. Exit 2 usage, 6 a server's error, else the session's code."""

from __future__ import annotations

import re
import shlex
import sys
from urllib.parse import urlsplit

from gestalt_cli.agents import session_id_of, started
from gestalt_cli.api import Server
from gestalt_cli.compatible.flags import Flags, run, server_of
from gestalt_cli.errors import CommandFailed

PROGRAM = "gestalt-agent"
USAGE, FAILED = 2, 6
_SUFFIX = re.compile(r"\.toml\Z", re.IGNORECASE)


def flags() -> Flags:
    """What can be typed."""
    parser = Flags(PROGRAM, "Start an agent, or find it running, and attach to it.", usage_code=USAGE)
    parser.flag("dryrun", action="store_true", help="print the command that would attach; start nothing")
    parser.add_argument("agent", metavar="agent-id", help="the agent's id, or its profile's file name")
    return parser


def agent(arguments: list[str]) -> int:
    """Run it; the exit code. Raises CommandFailed."""
    parser = flags()
    given = parser.parse_args(arguments)
    name = agent_id(parser, given.agent)
    server = server_of(parser, given)
    try:
        return _dry_run(server, name) if given.dryrun else _attach(server, name)
    except CommandFailed as error:
        code = error.exit_code if error.exit_code > 1 else FAILED
        raise CommandFailed(str(error), exit_code=code) from None


def agent_id(parser: Flags, text: str) -> str:
    """The id in what was typed. Raises Usage."""
    if "/" in text or "\\" in text:
        parser.error("agent id must not be a path")
    name = _SUFFIX.sub("", text.strip())
    if not name:
        parser.error("agent id is required")
    return name


def _attach(server: Server, name: str) -> int:
    from gestalt_cli.attach.client import Wanted, attach  # noqa: PLC0415 - a dry run needs no terminal
    from gestalt_cli.attach.keys import DEFAULT, parse  # noqa: PLC0415

    return attach(server, started(server, name), Wanted(parse(DEFAULT)))


def _dry_run(server: Server, name: str) -> int:
    sys.stdout.write(f"{shlex.join(attaching(server, session_id_of(server, name)))}\n")
    return 0


def attaching(server: Server, session: str) -> list[str]:
    """The command that attaches to a session, without the token."""
    where = urlsplit(server.url)
    if where.scheme == "http" and where.hostname and where.port:
        return ["gestalt", "attach", "--host", where.hostname, "--port", str(where.port), session]
    return ["env", f"GESTALT_URL={server.url}", "gestalt", "attach", session]


def main() -> None:
    """The console script."""
    run(agent)
