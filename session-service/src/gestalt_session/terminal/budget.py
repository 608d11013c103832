"""How much journal all sessions of a worker may keep together, and who gives way. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Holding(Struct, frozen=True):
    """What one session keeps."""

    uid: str
    bytes: int
    live: bool


def cuts(holdings: Sequence[Holding], budget: int, floor: int) -> dict[str, int]:
    """The new size of each session that must give way: ended ones first, then the largest; none goes below `floor`."""
    excess = sum(holding.bytes for holding in holdings) - budget
    result: dict[str, int] = {}
    for holding in sorted(holdings, key=lambda holding: (holding.live, -holding.bytes)):
        if excess <= 0:
            break
        cut = min(excess, max(0, holding.bytes - floor))
        if cut:
            result[holding.uid] = holding.bytes - cut
            excess -= cut
    return result
