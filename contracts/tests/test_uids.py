import uuid

from hypothesis import given
from hypothesis import strategies as st

from gestalt_contracts.uids import UidSource, new_uid


@given(st.lists(st.integers(min_value=1, max_value=2**47), min_size=2, max_size=50))
def test_uids_rise_whatever_the_clock_does(moments: list[int]) -> None:
    source = UidSource()
    uids = [source.new(moment) for moment in moments]
    assert uids == sorted(set(uids))


def test_a_uid_is_a_version_7_uuid_of_its_moment() -> None:
    uid = UidSource().new(1_700_000_000_000)
    assert (uid.version, uid.variant, uid.int >> 80) == (7, uuid.RFC_4122, 1_700_000_000_000)


def test_ten_thousand_uids_are_different_and_in_order() -> None:
    uids = [new_uid() for _ in range(10_000)]
    assert uids == sorted(set(uids))
