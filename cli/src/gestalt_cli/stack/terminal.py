"""What the user of `gestalt up` sees: how it started, what to try, and what goes wrong meanwhile."""

from __future__ import annotations

import contextlib
import signal
import sys
import textwrap
from collections.abc import Sequence
from typing import TextIO

import msgspec
from msgspec import Struct

from gestalt_cli.supervision.words import Back, Drained, GaveUp, Lost

LOUD = frozenset({"warning", "warn", "error", "critical"})
"""Log levels that are worth interrupting a person for."""
LINE_CHARACTERS = 200
LINES_AT_ONCE = 10
"""Of a flood of warnings only so many lines a look are shown; the rest is in the log."""
SKIPPED_KEYS = frozenset({"event", "message", "level", "timestamp", "logger", "service"})


class Running(Struct, frozen=True, kw_only=True):
    """What is told when all runs."""

    version: str
    url: str
    workspace: str
    redis: str
    workers: int
    draining: int
    logs: str
    token: bool
    command: str


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line; a terminal that has gone away is no reason to stop."""
    with contextlib.suppress(OSError, ValueError):
        print(line, file=stream or sys.stdout, flush=True)


def warn(line: str) -> None:
    """A line on stderr."""
    say(line, sys.stderr)


def started(facts: Running) -> str:
    """The page that greets whoever started us."""
    draining = f", and {facts.draining} that keep older terminals until they end" if facts.draining else ""
    return "\n".join(
        [
            f"Gestalt {facts.version} is running.",
            "",
            f"  url        {facts.url}{' (token demanded)' if facts.token else ''}",
            f"  workspace  {facts.workspace}",
            f"  workers    {facts.workers}{draining}",
            f"  redis      {facts.redis}",
            f"  logs       {facts.logs}",
            "",
            "Try, in another terminal:",
            "",
            textwrap.indent(things_to_try(facts), "  "),
            "",
            "Ctrl-\\ leaves a session that you attached to, and it goes on.",
            "Ctrl-C here stops the services; terminals and their programs live on until the next start.",
        ]
    )


def things_to_try(facts: Running) -> str:
    """Commands to copy: start a session, attach to it, type into it from anywhere, ask over HTTP what there is."""
    bearer = ' -H "Authorization: Bearer $GESTALT_TOKEN"' if facts.token else ""
    port = f"--port {facts.url.rpartition(':')[2]}"
    return "\n".join(
        [
            f"{facts.command} new {port} --title hello -- bash",
            f"{facts.command} attach {port} hello",
            f"printf date | {facts.command} send {port} --enter hello",
            f"curl -s{bearer} {facts.url}/api/sessions",
        ]
    )


def told(notice: Lost | Back | Drained | GaveUp, log: str, last_line: str) -> str:
    """A notice in a sentence. `last_line`: what the service's log ends with."""
    match notice:
        case Lost(unit=unit, code=code, again_in=again_in):
            return f"{unit.name} ended ({reason(code)}); starting it again in {again_in:g} s"
        case Back(unit=unit):
            return f"{unit.name} is back"
        case Drained(unit=unit):
            return f"{unit.name} has no terminals left and has ended"
        case GaveUp(unit=unit, code=code):
            return f"{unit.name} does not start ({reason(code)}): {last_line or 'it said nothing'}; see {log}"


def reason(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def loud(service: str, lines: Sequence[bytes]) -> list[str]:
    """Those lines of a service's log that a person should see now, short."""
    shown = [short for line in lines if (short := brief(service, line))]
    more = len(shown) - LINES_AT_ONCE
    return shown if more <= 0 else [*shown[:LINES_AT_ONCE], f"{service}: {more} more, see its log"]


def brief(service: str, line: bytes) -> str | None:
    """A warning or worse on one line; None for anything else, also for what is no JSON."""
    record = record_of(line)
    if str(record.get("level", "")).lower() not in LOUD:
        return None
    said = record.get("event") or record.get("message") or ""
    extra = " ".join(f"{key}={value}" for key, value in record.items() if key not in SKIPPED_KEYS)
    text = " ".join(f"{service}: {record['level']}: {said} {extra}".split())
    return text if len(text) <= LINE_CHARACTERS else f"{text[: LINE_CHARACTERS - 1]}…"


def record_of(line: bytes) -> dict[str, object]:
    """The object on a log line; empty for what is none."""
    try:
        return msgspec.json.decode(line, type=dict[str, object])
    except msgspec.DecodeError:
        return {}


def last_words(line: bytes) -> str:
    """The last line of a log as it is quoted in an error."""
    record = record_of(line)
    said = str(record.get("event") or record.get("message") or "") or line.decode(errors="replace")
    return " ".join(said.split())[:LINE_CHARACTERS]
