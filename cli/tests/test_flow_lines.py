"""Flows and verdicts in words: nothing of a nested condition is lost, and nobody need read JSON."""

from __future__ import annotations

from typing import Any

from gestalt_cli.flows import condition, conditions, line, trial, verdict


def leaf(field: str, op: str, expected: object, actual: str | None, *, matched: bool) -> dict[str, Any]:
    return {"field": field, "op": op, "expected": expected, "actual": actual, "matched": matched}


def group(op: str, *of: dict[str, Any], matched: bool) -> dict[str, Any]:
    return {"field": "", "op": op, "expected": None, "actual": None, "matched": matched, "of": list(of)}


MARKDOWN = leaf("path", "glob", "*.md", "/w/a.txt", matched=False)
ABSENT = leaf("op", "eq", "WRITE", None, matched=False)
PERSON = leaf("user", "exists", None, "ann", matched=True)
NESTED = group("any", MARKDOWN, group("all", PERSON, ABSENT, matched=False), matched=False)


def test_why_not_is_readable_for_nested_conditions() -> None:
    assert list(conditions([NESTED])) == [
        "  - any of",
        '    - path glob "*.md": it is "/w/a.txt"',
        "    - all of",
        '      + user exists: it is "ann"',
        '      - op eq "WRITE": it is not there',
    ]
    told = 'any of (path glob "*.md": it is "/w/a.txt"; all of (op eq "WRITE": it is not there))'
    assert verdict(NESTED) == told
    assert verdict(group("not", PERSON, matched=False)) == 'not all of (user exists: it is "ann")'
    tried = {"trigger_id": "t", "matched": False, "conditions": [NESTED], "activities": []}
    assert list(trial([tried]))[1:] == list(conditions([NESTED]))


def test_a_flow_says_in_words_when_it_fires() -> None:
    match = [
        {"field": "path", "op": "glob", "value": "*.md"},
        {"op": "not", "of": [{"field": "n", "value": 5}, {"field": "x", "op": "exists", "value": False}]},
    ]
    flow = {
        "where": {"session.id": "coder"},
        "match": match,
        "absence": {"for": "10m", "until": ["terminal_active"]},
        "throttle": {"limit": 3, "per": "1h"},
        "debounce": "5s",
        "bindings": [],
    }
    assert line(flow)["when"] == (
        'session.id=coder; path glob "*.md"; not all of (n eq 5; x does not exist); '
        "absence for 10m until terminal_active; throttle limit 3 per 1h; debounce 5s"
    )
    assert condition({"field": "path", "op": "in", "value": ["a", "b"]}) == 'path in ["a", "b"]'
