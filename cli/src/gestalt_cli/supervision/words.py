"""The supervisor's vocabulary: what it keeps running, what it is told, what it asks for.

Processes are numbered by the supervisor; whoever carries out its commands knows which pid has which number.
Moments are seconds of one monotonic clock.
"""

from __future__ import annotations

from msgspec import Struct


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of service, and its place among the others: lower stages first, both ways.

    `patience`: seconds from its start to its ready line, then it counts as hung. `grace`: seconds from SIGTERM to
    SIGKILL.
    """

    name: str
    start_stage: int
    stop_stage: int
    patience: float
    grace: float


class Unit(Struct, frozen=True):
    """One service that is to run. A draining one ends by itself when it is empty, and then stays ended."""

    name: str
    kind: Kind
    draining: bool = False


class Begin(Struct, frozen=True):
    """Start the first stage."""


class Ready(Struct, frozen=True):
    """A process serves, at `address`."""

    process: int
    address: str


class Exited(Struct, frozen=True):
    """A process has ended: its exit code, negative for a signal."""

    process: int
    code: int


class Tick(Struct, frozen=True):
    """The supervisor's deadline has come."""


class Stop(Struct, frozen=True):
    """End everything, in order."""


class Hurry(Struct, frozen=True):
    """End everything at once (a second Ctrl-C)."""


Event = Begin | Ready | Exited | Tick | Stop | Hurry


class Start(Struct, frozen=True):
    """Start a process for `unit`, which serves as soon as it can."""

    process: int
    unit: Unit


class Signal(Struct, frozen=True):
    """Send a signal."""

    process: int
    number: int


class AllReady(Struct, frozen=True):
    """Everything serves, for the first time."""


class Lost(Struct, frozen=True):
    """A unit has ended; it is started again in `again_in` seconds."""

    unit: Unit
    code: int
    again_in: float


class Back(Struct, frozen=True):
    """A unit that was lost serves again."""

    unit: Unit


class Drained(Struct, frozen=True):
    """A draining unit has ended, as it should."""

    unit: Unit


class GaveUp(Struct, frozen=True):
    """A unit has never served, and nothing is served without it: everything else is stopped."""

    unit: Unit
    code: int


Notice = AllReady | Lost | Back | Drained | GaveUp
Command = Start | Signal | Notice
