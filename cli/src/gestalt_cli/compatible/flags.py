"""The flags of the compatible commands, in the reference's style: `-host` and `--host` are the same."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from gestalt_cli.api import Server, locate
from gestalt_cli.errors import CommandFailed
from gestalt_cli.version import said_by

LARGEST_PORT = 65535
SHOWN_ENDS = 2
"""Characters of a token that may be shown, at each end."""
UNREAD = 141
INTERRUPTED = 130


class Usage(CommandFailed):
    """What was typed makes no sense."""


class Flags(argparse.ArgumentParser):
    """A parser whose errors are one line, and an exit code of the command's own."""

    def __init__(self, program: str, description: str, *, usage_code: int) -> None:
        super().__init__(prog=program, description=description, allow_abbrev=False, add_help=False)
        self._usage_code = usage_code
        self.add_argument("-h", "-help", "--help", action="help", help="show this message and exit")
        self.add_argument("-v", "-version", "--version", action=_Version, nargs=0, help="print the version and exit")
        self.flag("host", help="host of the server (GESTALT_URL, GESTALT_HOST, 127.0.0.1)")
        self.flag("port", help="port of the server (GESTALT_URL, GESTALT_PORT, 57417)")
        self.flag("token", default=os.environ.get("GESTALT_TOKEN", ""), help="what the server demands (GESTALT_TOKEN)")

    def flag(self, name: str, **how: Any) -> None:
        """A flag with one or two hyphens."""
        self.add_argument(f"-{name}", f"--{name}", **how)

    def option_names(self) -> list[str]:
        """Every way to write a flag."""
        return [name for action in self._actions for name in action.option_strings]

    def error(self, message: str) -> NoReturn:
        """Refuse what was typed."""
        raise Usage(f"{self.prog}: {message} ({self.prog} --help)", exit_code=self._usage_code)


class _Version(argparse.Action):
    """Print the version and leave."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(f"{said_by(parser.prog)}\n")
        parser.exit()


def server_of(parser: Flags, given: argparse.Namespace) -> Server:
    """The server that flags and variables name. Raises Usage."""
    try:
        return Server(locate(given.host, _port(parser, given.port), os.environ), given.token.strip())
    except Usage:
        raise
    except CommandFailed as error:
        parser.error(str(error))


def _port(parser: Flags, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= LARGEST_PORT:
        parser.error(f"port must be from 1 to {LARGEST_PORT}, not {text!r}")
    return int(text)


def masked(token: str) -> str:
    """A token as it may be shown."""
    if len(token) <= 3 * SHOWN_ENDS:
        return "***" if token else "none"
    return f"{token[:SHOWN_ENDS]}***{token[-SHOWN_ENDS:]}"


def explain(server: Server, *lines: str) -> None:
    """What `--verbose` tells, on stderr."""
    for line in (f"server: {server.url}", f"token: {masked(server.token)}", *lines):
        sys.stderr.write(f"{line}\n")


def run(command: Callable[[list[str]], int]) -> NoReturn:
    """Run a command on what was typed, and exit; whatever went wrong is one line."""
    try:
        code = command(sys.argv[1:])
    except CommandFailed as error:
        sys.stderr.write(f"{error}\n")
        code = error.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = UNREAD
    except OSError as error:
        sys.stderr.write(f"{error.strerror or error}\n")
        code = 1
    sys.exit(code)
