"""What must hold, each with its reason.

Ratios are to `rawtcp`, a PTY read in a loop behind one bare TCP relay, unless something else is named.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """A bound on one figure; `at_least` turns it round."""

    limit: float
    reason: str
    at_least: bool = False

    def holds(self, value: float) -> bool:
        """Whether the figure is within it."""
        return value >= self.limit if self.at_least else value <= self.limit

    def shown(self) -> str:
        """The bound as a table shows it."""
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


FLOOD_RATE = Budget(0.9, "a build log must not scroll slower because it can be resumed", at_least=True)
FLOOD_TTYD = Budget(1.1, "faster than the tool people use today", at_least=True)
FLOOD_CPU = Budget(1.3, "journal, routing and authentication together may cost a third of the bare relay")
GATEWAY_CPU = Budget(0.8, "CPU s/GB: the gateway only copies")
FANOUT_RATE = Budget(1.5, "twenty viewers share chunks; a loop over sockets does not", at_least=True)
ECHO_IDLE = Budget(2.5, "three more processes than the bare relay, none of which may wait for anything")
ECHO_ONE_P50 = Budget(1.0, "ms: typing beside a build feels like typing")
ECHO_ONE_P99 = Budget(5.0, "ms: below one frame of a 144 Hz screen")
ECHO_TWENTY_P50 = Budget(1.5, "ms: twenty agents at work at once are the purpose of the product")
ECHO_TWENTY_P99 = Budget(6.0, "ms: as above")
IDLE_CPU = Budget(1.0, "% of one core over all processes: a laptop on battery holds a hundred sessions")
IDLE_MEMORY = Budget(100.0, "kB a session above the base")
CREATE_P50 = Budget(10.0, "ms: starting ten agents at once is not waited for")
ATTACH_P50 = Budget(2.0, "ms: switching tabs is not waited for")
CATCH_UP = Budget(2.5, "8 MiB of history are a read, not a replay")
STALLED_MEMORY = Budget(4.0, "MB: a viewer that never reads costs its cursor and one bounded buffer")
STALLED_OTHER = Budget(
    0.8, "the other viewer is unaffected; the rest is what two runs of one flood differ by", at_least=True
)
FIRST_BYTE = Budget(1.0, "s after the kill of worker or host: a person takes it for a hiccup")
PLANS_P50 = Budget(10.0, "ms: a page that shows plans asks for all of them after each change")
CATALOGUE_P50 = Budget(10.0, "ms: a menu of a hundred agents opens at once, though each answer looks at every file")

SNAPSHOT_P99 = Budget(100.0, "ms: whoever attaches sees the screen at once, however long the history")
SNAPSHOT_BYTES = Budget(64.0, "kB of a redraw, typically: a phone's network takes it in one go")
SNAPSHOT_LARGEST = Budget(256.0, "KiB of a redraw, never more")
SCREEN_FLOOD = Budget(0.85, "of the rate without screens: following must not be what slows a build", at_least=True)
SCREEN_IDLE = Budget(
    1.0, "ms of CPU in ten seconds in which nothing is written: V8 looks at its heap once, we do nothing"
)
SCREEN_MEMORY = Budget(300.0, "MB of the process that knows the screens, full of long ones")
ANSWER_P50 = Budget(5.0, "ms: a program that asks at its start is not held up, whoever watches or nobody")
ANSWERS_WRONG = Budget(0.0, "a question is answered once, however many watch")

INGEST_LOGS = Budget(25_000, "/s: a hundred agents that log everything, with room", at_least=True)
INGEST_SPANS = Budget(20_000, "/s: as above; a span is larger and has no text index", at_least=True)
INGEST_LAG = Budget(5.0, "ms: queries and streams do not wait for what comes in")
TELEMETRY_MEMORY = Budget(300.0, "MB: beside agents on a laptop")
RETENTION_STALL = Budget(50.0, "ms: what is old goes without anybody waiting")
RETENTION_BYTES = Budget(1.25, "of the bytes that may be kept, the active segment and its log included")
LIVE_DELAY = Budget(150.0, "ms: what is said is read at once")
RESUME_WRONG = Budget(0.0, "a place in an order loses and repeats nothing")
DISK_RECORD = Budget(650.0, "B: a million records are 650 MB, index of all substrings included")
FIND_LEVEL = Budget(40.0, "ms: a click")
FIND_SESSION = Budget(20.0, "ms: opened with each tab")
FIND_TRACE = Budget(10.0, "ms: joined to each span that is looked at")
FIND_RARE = Budget(500.0, "ms: a word that stands once in millions is worth half a second")
FIND_FREQUENT = Budget(50.0, "ms: the newest of many come at once")
FIND_HISTOGRAM = Budget(30.0, "ms: drawn above each list")

FLOW_MATCH = Budget(50.0, "% of one core for 1 000 events/s against 1 000 flows: matching must not be what limits")
FLOW_P50 = Budget(12.0, "ms from a notify call to its webhook: below what a person notices, two processes in between")
FLOW_P99 = Budget(50.0, "ms: as above")
FLOW_NOTIFY = Budget(10.0, "ms: a hook must not hold its agent up")
FLOW_LOST = Budget(0.0, "an event that was acknowledged leads to its activities")
FLOW_DOUBLED = Budget(0.0, "and to each of them once")
FLOW_MEMORY = Budget(250.0, "MB of Redis for 100 000 finished runs: weeks of history beside everything else")
FLOW_TAKEN_OVER = Budget(6.5, "s: the lease and one look")
