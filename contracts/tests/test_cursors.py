import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_contracts.bus import OLDEST
from gestalt_contracts.cursors import LOST, START, TRIMMED, Extent, Place, first_place, gap, place_of

KEPT = Extent(oldest=Place(20, 0), newest=Place(30, 5), before=Place(10, 0))


@pytest.mark.parametrize("text", ["", "5", "a-b", "1-", "-1", "1-2-3", "1 -2", "\u0661-0", f"{2**64}-0", f"0-{2**64}"])
def test_what_is_no_id_names_no_place(text: str) -> None:
    assert place_of(text) is None


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_a_place_reads_back_as_it_was_written(milliseconds: int, sequence: int) -> None:
    place = Place(milliseconds, sequence)
    assert place_of(str(place)) == place


def test_places_are_ordered_as_numbers() -> None:
    assert Place(9, 10) > Place(9, 9)
    assert Place(10, 0) > Place(9, 9)


@pytest.mark.parametrize(
    ("cursor", "kept", "held", "expected"),
    [
        (Place(25, 0), KEPT, True, None),
        (Place(10, 0), KEPT, False, None),
        (START, Extent(), False, None),
        (Place(9, 0), KEPT, False, TRIMMED),
        (START, KEPT, False, TRIMMED),
        (Place(30, 6), KEPT, False, LOST),
        (Place(25, 0), KEPT, False, LOST),
        (Place(1, 0), Extent(), False, LOST),
        (Place(9, 0), Extent(Place(20, 0), Place(30, 5), START), False, LOST),
    ],
    ids=[
        "an entry",
        "trimmed exactly up to it",
        "nothing was ever published",
        "older than what is kept",
        "from an empty stream, trimmed since",
        "beyond the end",
        "among the entries without being one",
        "the stream is empty",
        "older than a stream that was never trimmed",
    ],
)
def test_a_cursor_is_covered_or_the_reason_is_told(
    cursor: Place,
    kept: Extent,
    held: bool,  # noqa: FBT001 - a column of the table
    expected: str | None,
) -> None:
    assert gap(cursor, kept, held=held) == expected


def test_a_reader_begins_where_it_asks_to() -> None:
    assert first_place(None, KEPT) == KEPT.newest
    assert first_place(OLDEST, KEPT) == KEPT.before
    assert first_place("0-0", KEPT) == KEPT.before
    assert first_place("7-1", KEPT) == Place(7, 1)
    assert first_place("nonsense", KEPT) is None
