from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_flow.conditions import BadConditions, Verdict, compiled


def holds(condition: dict[str, Any], fields: dict[str, str]) -> bool:
    (check,) = compiled([condition])
    return check.judge(fields).matched


@pytest.mark.parametrize(
    ("condition", "path", "told"),
    [
        ("path", "match[0]", "an object"),
        ({"field": "a", "op": "like", "value": 1}, "match[0].op", "unknown operator"),
        ({"field": " ", "value": 1}, "match[0].field", "names a field"),
        ({"field": "a", "op": "in", "value": "b"}, "match[0].value", "list"),
        ({"field": "a", "op": "gt", "value": "5"}, "match[0].value", "a number"),
        ({"field": "a", "op": "gt", "value": True}, "match[0].value", "a number"),
        ({"field": "a", "op": "regex", "value": "("}, "match[0].value", "not a pattern"),
        ({"field": "a", "op": "regex", "value": r"(a)\1"}, "match[0].value", "not a pattern"),
        ({"field": "a", "op": "regex", "value": "((a{100}){100}){100}"}, "match[0].value", "not a pattern"),
        ({"field": "a", "op": "regex", "value": "a" * 1_001}, "match[0].value", "longer than"),
        ({"op": "any", "of": []}, "match[0].of", "list of conditions"),
        ({"op": "any", "of": [{"field": "a", "op": "?"}]}, "match[0].of[0].op", "unknown operator"),
        ({"field": "a", "value": 1, "wat": 2}, "match[0].wat", "unknown key 'wat'"),
    ],
)
def test_a_bad_condition_is_told_with_its_place(condition: Any, path: str, told: str) -> None:
    with pytest.raises(BadConditions) as refused:
        compiled([condition])
    (fault,) = refused.value.faults
    assert fault.path == path
    assert told in fault.message


def test_conditions_are_bounded_in_depth_and_number() -> None:
    deep: dict[str, Any] = {"field": "a", "value": 1}
    for _ in range(20):
        deep = {"op": "not", "of": [deep]}
    with pytest.raises(BadConditions, match="nested deeper"):
        compiled([deep])
    with pytest.raises(BadConditions, match="more than"):
        compiled([{"op": "any", "of": [{"field": "a", "value": 1}] * 200}])


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|aa)+$", "(.*)*b", "([a-z]+)*x"])
def test_no_pattern_stalls(pattern: str) -> None:
    begun = time.monotonic()
    assert not holds({"field": "t", "op": "regex", "value": pattern}, {"t": "a" * 50_000 + "!"})
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    ("condition", "fields", "wanted"),
    [
        ({"field": "A ", "value": "X"}, {"a": "x"}, True),
        ({"field": "a", "op": "ne", "value": "x"}, {}, True),
        ({"field": "a", "op": "in", "value": ["b", 5]}, {"a": "5"}, True),
        ({"field": "path", "op": "glob", "value": "*/README.md"}, {"path": "/w/README.md"}, True),
        ({"field": "path", "op": "glob", "value": "*/README.md"}, {"path": "/w/README.md.bak"}, False),
        ({"field": "path", "op": "glob", "value": "*.[ch]"}, {"path": "a.c"}, True),
        ({"field": "a", "op": "regex", "value": "^b+$"}, {"a": "bbb"}, True),
        ({"field": "a", "op": "exists"}, {"a": "1"}, True),
        ({"field": "a", "op": "exists", "value": False}, {}, True),
        ({"field": "a", "op": "gt", "value": 1.5}, {"a": "2"}, True),
        ({"field": "a", "op": "lt", "value": 1}, {"a": "many"}, False),
        ({"op": "not", "of": [{"field": "a", "value": 1}]}, {"a": "2"}, True),
        ({"op": "any", "of": [{"field": "a", "value": 1}, {"field": "b", "value": 2}]}, {"b": "2"}, True),
        ({"op": "all", "of": [{"field": "a", "value": 1}, {"field": "b", "value": 2}]}, {"b": "2"}, False),
    ],
)
def test_operators(condition: dict[str, Any], fields: dict[str, str], *, wanted: bool) -> None:
    assert holds(condition, fields) is wanted


def test_a_group_says_what_each_of_its_conditions_was_held_against() -> None:
    nested = {"op": "all", "of": [{"field": "b", "value": 1}, {"op": "not", "of": [{"field": "c", "op": "exists"}]}]}
    (check,) = compiled([{"op": "any", "of": [{"field": "a", "value": "x"}, nested]}])
    verdict = check.judge({"a": "y", "c": "z"})
    assert (verdict.op, verdict.matched, verdict.actual) == ("any", False, None)
    first, inner = verdict.of
    assert (first.field, first.expected, first.actual, first.matched) == ("a", "x", "y", False)
    assert [(part.op, part.matched) for part in inner.of] == [("eq", False), ("not", False)]
    assert inner.of[1].of[0].actual == "z"
    assert msgspec.json.decode(msgspec.json.encode(verdict), type=Verdict) == verdict


@given(st.text(max_size=20), st.text(max_size=20))
def test_not_is_the_opposite(value: str, actual: str) -> None:
    leaf = {"field": "a", "op": "eq", "value": value}
    assert holds(leaf, {"a": actual}) is not holds({"op": "not", "of": [leaf]}, {"a": actual})
