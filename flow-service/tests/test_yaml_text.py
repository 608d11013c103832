"""Bad text first: bombs, cycles, tags, depth; then what a good one reads as."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_flow.yaml_text import BadYaml, dump, load

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BOMB, "aliases expand"),
        ("a: &a [*a]", "contains itself"),
        ("a: &a {b: *a}", "contains itself"),
        ("[" * 5_000, "exceeded maximum nesting depth"),
        ("a: " + "[" * 100 + "]" * 100, "nested deeper"),
        ("a: 1\na: 2", "line 2: key 'a' is there twice"),
        ("a: !!python/object:os.system x", "tags are not supported"),
        ("a: !thing {b: 1}", "tags are not supported"),
        ("1: a", "a key must be a string"),
        ("a: .nan", "no number that JSON knows"),
        ("a: " + "9" * 5_000, "more than 25 digits"),
        ("a: [", "line 2"),
        ("a: \x07", "control characters"),
        (b"a: \xff\xfe", ""),
        ("a: " + "x" * (1 << 20), "over 1048576 bytes"),
        ("a: " + "x" * (10 << 20), "over 1048576 bytes"),
        ("a: &a\n  b: &b\n    c: *a", "contains itself"),
        ("a: &a [1]\nb: {<<: *b}", "undefined alias"),
        ("x: *nobody", "undefined alias"),
    ],
)
def test_bad_text_is_refused_quickly_and_told(text: str | bytes, told: str) -> None:
    begun = time.monotonic()
    with pytest.raises(BadYaml) as refused:
        load(text)
    assert told in str(refused.value)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("2026-01-02", "2026-01-02"),
        ("12:30:00", "12:30:00"),
        ("true", True),
        ("5", 5),
        ("5.0", 5.0),
        ("0x10", 16),
        ("010", 10),
        ("~", None),
        ("'5'", "5"),
        ("a: 1\n---\nb: 2", {"a": 1}),
        ("base: &b {x: 1}\none: {<<: *b, y: 2}", {"base": {"x": 1}, "one": {"x": 1, "y": 2}}),
        ("", None),
    ],
)
def test_words_are_what_the_core_schema_says(text: str, value: Any) -> None:
    assert load(text) == value


texts = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff"), max_size=30)
values = st.recursive(
    st.booleans() | st.integers(-(10**15), 10**15) | texts | st.floats(-1e6, 1e6).map(lambda x: round(x, 3)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_what_is_written_is_read_back(value: dict[str, Any]) -> None:
    assert load(dump(value)) == value
