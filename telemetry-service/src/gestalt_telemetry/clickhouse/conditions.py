"""What is wanted, as a condition whose values are parameters: nothing that a client wrote is part of a statement."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct, field

from gestalt_telemetry.queries.logs import Wanted as LogsWanted
from gestalt_telemetry.queries.logs import session_column
from gestalt_telemetry.queries.timed import Wanted as TimedWanted

COLUMNS = {"session": "Session", "uid": "SessionUid"}
WILDCARDS = str.maketrans({"\\": "\\\\", "%": "\\%", "_": "\\_"})


class Condition(Struct):
    """Terms that all hold, with their parameters."""

    terms: list[str] = field(default_factory=list)
    parameters: dict[str, str | int | Sequence[str]] = field(default_factory=dict)

    def add(self, term: str, name: str = "", value: str | int | Sequence[str] = "") -> None:
        """One more term; `name` is the parameter in it."""
        self.terms.append(term)
        if name:
            self.parameters[name] = value

    @property
    def where(self) -> str:
        """As a statement has it."""
        return f" WHERE {' AND '.join(self.terms)}" if self.terms else ""


def containing(text: str) -> str:
    """The pattern of everything that has `text` in it: the index knows how to look for one."""
    return f"%{text.translate(WILDCARDS)}%"


def of_logs(wanted: LogsWanted) -> Condition:
    """Log records."""
    found = Condition()
    if wanted.level:
        found.add("Level >= {level:UInt8}", "level", wanted.level)
    if wanted.text:
        found.add("SearchText LIKE {text:String}", "text", containing(wanted.text))
    if wanted.before is not None:
        found.add("Id > 0 AND Id < {before:UInt64}", "before", wanted.before)
    _add_session(found, wanted.session)
    _add_trace(found, wanted.trace_id)
    _add_times(found, "Timestamp", wanted.since, wanted.until)
    return found


def of_spans(wanted: TimedWanted) -> Condition:
    """Spans; those without a start are left out when a time is given."""
    found = _timed(wanted, "Timestamp", "SpanName")
    _add_trace(found, wanted.trace_id)
    return found


def of_metrics(wanted: TimedWanted) -> Condition:
    """Exported metrics, by the time of their newest point."""
    return _timed(wanted, "TimeUnix", "MetricName")


def _timed(wanted: TimedWanted, time: str, name: str) -> Condition:
    found = Condition()
    if wanted.name:
        found.add(f"caseFoldUTF8({name}) = {{name:String}}", "name", wanted.name.casefold())
    if wanted.text:
        found.add("caseFoldUTF8(Record) LIKE {text:String}", "text", containing(wanted.text))
    _add_session(found, wanted.session)
    _add_times(found, time, wanted.since, wanted.until)
    if wanted.since is not None or wanted.until is not None:
        found.add(f"toUnixTimestamp64Nano({time}) > 0")
    return found


def _add_session(found: Condition, session: str) -> None:
    if session:
        found.add(f"{COLUMNS[session_column(session)]} = {{session:String}}", "session", session)


def _add_trace(found: Condition, trace_id: bytes | None) -> None:
    if trace_id is not None:
        found.add("TraceId = {trace:String} AND TraceId != ''", "trace", trace_id.hex())


def _add_times(found: Condition, column: str, since: int | None, until: int | None) -> None:
    bound: Callable[[str], str] = "fromUnixTimestamp64Nano({{{}:Int64}})".format
    if since is not None:
        found.add(f"{column} >= {bound('since')}", "since", min(since, _LARGEST))
    if until is not None:
        found.add(f"{column} <= {bound('until')}", "until", min(until, _LARGEST))


_LARGEST = (1 << 63) - 1
