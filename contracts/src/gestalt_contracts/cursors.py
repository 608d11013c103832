"""Places in a stream, and the one rule that says whether a reader's place is still covered.

Every entry names the one before it (`0-0` for the first of all), so the entries form a chain. A cursor is covered
when nothing between it and the oldest kept entry is missing, that is when it

- is an entry of the stream, or
- is what the oldest kept entry names as its predecessor (trimmed up to exactly there), or
- is `0-0` while the stream has never had an entry.

Otherwise the reader is told: `lost` when the cursor lies beyond the end, when nothing was ever trimmed, or when it
lies among the entries without being one (a Redis that was emptied or set back); `trimmed` when it is older than all
that is kept. The rule needs nothing of Redis but XRANGE, and no key beside the stream that could get out of step.
So that no id is given twice, the first entry of a stream has a random sequence (`first_sequence`): a Redis may be
emptied and filled again within one millisecond.
"""

from __future__ import annotations

import re
import secrets
from typing import NamedTuple

from msgspec import Struct

from gestalt_contracts.bus import OLDEST

_WRITTEN = re.compile(r"(\d{1,20})-(\d{1,20})", re.ASCII)
_LIMIT = 1 << 64
_SEQUENCE_BITS = 32  # half of what there is, so that a millisecond never runs out of them

TRIMMED = "trimmed"
LOST = "lost"
MALFORMED = "malformed"


class Place(NamedTuple):
    """A stream id, ordered as Redis orders them: milliseconds, then sequence."""

    milliseconds: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.milliseconds}-{self.sequence}"


START = Place(0, 0)
"""Before the first entry of all."""


def place_of(text: str) -> Place | None:
    """The place that an id names; None when it is no id."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        return None
    place = Place(int(match[1]), int(match[2]))
    return place if max(place) < _LIMIT else None


def first_sequence() -> int:
    """The sequence of a stream's first entry of all."""
    return secrets.randbits(_SEQUENCE_BITS)


class Extent(Struct, frozen=True):
    """What a stream keeps now. `before`: the predecessor that its oldest entry names."""

    oldest: Place | None = None
    newest: Place = START
    before: Place = START


def gap(cursor: Place, kept: Extent, *, held: bool) -> str | None:
    """Why the stream does not cover `cursor`, or None when it does. `held`: the cursor is one of its entries."""
    if held or cursor == kept.before:
        return None
    if kept.oldest is None or cursor > kept.newest:
        return LOST
    return TRIMMED if cursor < kept.oldest and kept.before != START else LOST


def first_place(after: str | None, kept: Extent) -> Place | None:
    """Where a reader begins who asks for `after` (Bus.subscribe); None when that is no cursor."""
    if after is None:
        return kept.newest
    place = START if after == OLDEST else place_of(after)
    return kept.before if place == START else place
