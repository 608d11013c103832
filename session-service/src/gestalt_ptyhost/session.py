"""One session: a terminal, its journal, and how it stands with both."""

from gestalt_ptyhost.journal import Journal
from gestalt_ptyhost.ledger import Ledger, Owed, State
from gestalt_ptyhost.limits import NOTHING_KNOWN
from gestalt_ptyhost.terminal import Terminal
from gestalt_ptyhost.wire import Kind

LAST_WORDS = 256 * 1024
"""Bytes read at most after the program has ended: a terminal holds less than 128 KiB, so whatever the program wrote
is among them, and a job it left behind that writes without pause cannot keep the session open."""


class Session:
    """What the host keeps of a session. `terminal` is None once it is over and only its exit is left to tell."""

    __slots__ = (
        "ended",
        "exit_code",
        "flooding",
        "journal",
        "last_words",
        "ledger",
        "loss",
        "number",
        "pid",
        "queued",
        "terminal",
        "told_at",
        "uid",
        "untold",
    )

    def __init__(self, number: int, uid: str, pid: int, terminal: Terminal, journal: Journal, greeting: Kind) -> None:
        self.number = number
        self.uid = uid
        self.pid = pid
        self.terminal: Terminal | None = terminal
        self.journal = journal
        self.ledger = Ledger(greeting)
        self.queued = self.flooding = False
        self.told_at = 0
        """When the worker was last told of its bytes, in microseconds of the system's clock."""
        self.untold = False
        """It has bytes that the worker was not told of, because it floods."""
        self.ended = False
        """The program has ended; its terminal may still hold bytes."""
        self.exit_code: int | None = None
        self.last_words = LAST_WORDS
        self.loss = NOTHING_KNOWN
        """Up to where it was to be read when the last worker was lost, and how many watched it then."""

    @property
    def state(self) -> State:
        """What a worker should know."""
        return State(self.journal.segments, self.journal.end, self.terminal is None)

    def greet_anew(self) -> None:
        """A new worker knows nothing yet."""
        self.ledger = Ledger(Kind.SESSION)

    def over_after(self, moved: int, *, drained: bool) -> bool:
        """Whether a turn that moved so many bytes was the last one."""
        if not self.ended:
            return False
        self.last_words -= moved
        return drained or self.last_words <= 0

    def body(self, owed: Owed) -> dict[str, object]:
        """The JSON object of a message about this session."""
        match owed.kind:
            case Kind.CREATED:
                return {"pid": self.pid}
            case Kind.SEGMENT:
                return {"base": self.journal.base}
            case Kind.HOLE:
                return {"length": owed.length}
            case Kind.EXIT:
                return {"exit_code": self.exit_code}
            case _:
                return self._summary()

    def _summary(self) -> dict[str, object]:
        return {
            "uid": self.uid,
            "pid": self.pid,
            "journal": self.journal.directory,
            "cap": self.journal.cap,
            "segment": self.journal.segment,
            "base": self.journal.base,
            "limit": self.loss.offset,
            "viewers": self.loss.viewers,
            "exited": self.terminal is None,
            "exit_code": self.exit_code,
        }
