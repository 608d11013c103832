from hypothesis import given
from hypothesis import strategies as st

from gestalt_contracts.cursors import START, Place
from gestalt_contracts.window import Window


def window_of(*numbers: int, entries: int = 100, size: int = 1_000) -> Window[int]:
    window: Window[int] = Window(entries, size)
    for before, number in zip((0, *numbers), numbers, strict=False):
        window.append(Place(before, 0), Place(number, 0), number, 1)
    return window


def test_a_reader_of_an_empty_window_waits() -> None:
    assert window_of().after(Place(7, 0), 10) == ([], Place(7, 0))


def test_a_reader_ahead_of_the_window_waits() -> None:
    assert window_of(1, 2).after(Place(3, 0), 10) == ([], Place(3, 0))


def test_a_place_that_was_dropped_must_be_read_from_the_stream() -> None:
    assert window_of(1, 2, 3, 4, entries=2).after(Place(1, 0), 10) is None


def test_a_place_that_is_no_entry_must_be_read_from_the_stream() -> None:
    assert window_of(1, 3, 5).after(Place(2, 0), 10) is None


def test_the_place_before_the_oldest_entry_is_covered() -> None:
    assert window_of(1, 2, 3, 4, entries=2).after(Place(2, 0), 10) == ([3, 4], Place(4, 0))


def test_a_page_is_bounded() -> None:
    assert window_of(1, 2, 3).after(START, 2) == ([1, 2], Place(2, 0))


def test_an_entry_that_does_not_follow_begins_a_new_run() -> None:
    window = window_of(1, 2)
    window.append(Place(3, 0), Place(4, 0), 4, 1)
    assert window.after(Place(2, 0), 10) is None
    assert window.after(Place(3, 0), 10) == ([4], Place(4, 0))


def test_the_window_is_bounded_in_bytes_but_keeps_the_newest() -> None:
    window = window_of(1, 2, size=10)
    window.append(Place(2, 0), Place(3, 0), 3, 50)
    assert window.after(Place(2, 0), 10) == ([3], Place(3, 0))
    assert window.after(Place(1, 0), 10) is None


@given(
    st.lists(st.booleans(), max_size=40), st.integers(1, 8), st.integers(1, 5), st.lists(st.integers(1, 9), max_size=20)
)
def test_following_never_repeats_and_never_skips(heard: list[bool], entries: int, most: int, turns: list[int]) -> None:
    window: Window[int] = Window(entries)
    place, got = START, list[int]()
    for published, (reads, was_heard) in enumerate(zip(turns * 40, heard, strict=False), 1):
        if was_heard:
            window.append(Place(published - 1, 0), Place(published, 0), published, 1)
        for _ in range(reads):
            found = window.after(place, most)
            if found is None:
                break
            items, place = found
            got += items
    assert got == list(range(1, len(got) + 1))
