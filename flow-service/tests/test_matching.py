"""Matching exactly as documented (reference, flow §6)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gestalt_flow.matching import Index
from gestalt_flow.model import Flow, Trigger


def flow(trigger_id: str = "t", event_type: str = "file-change", **more: Any) -> Flow:
    return Flow(Trigger(id=trigger_id, event_type=event_type, **more))


def fires(given_flow: Flow, **fields: str) -> bool:
    return bool(Index([given_flow]).matching({"type": "file-change", **fields}))


@pytest.mark.parametrize(
    ("where", "fields", "wanted"),
    [
        ({}, {}, True),
        ({"path": "A"}, {"path": "a"}, True),
        ({" PATH ": "a"}, {"path": "a"}, True),
        ({"path": "a", "op": "WRITE"}, {"path": "a"}, False),
        ({"path": " * "}, {}, True),
        ({"path": " abc "}, {"path": "abc"}, False),
        ({"path": ""}, {"path": "abc"}, False),
        ({"path": "a*"}, {"path": "abc"}, False),
        ({"session.id": ""}, {"session.id": "Coder 3"}, True),
        ({"session.id": ""}, {}, False),
        ({"session.id": "coder"}, {"session.id": "Coder 3"}, True),
        ({"session_id": "coder"}, {"session_id": "Coder 3"}, True),
        ({"session.id": "coder 1"}, {"session.id": "Coder 2"}, False),
        ({"session.id": "test"}, {"session.id": "Tester 1"}, False),
        ({"name": "coder"}, {"name": "Coder 3"}, False),
    ],
)
def test_where(where: dict[str, str], fields: dict[str, str], *, wanted: bool) -> None:
    given_flow = flow(where=where)
    assert fires(given_flow, **fields) is wanted
    verdicts = Index([given_flow]).all[0].verdicts({"type": "file-change", **fields})
    assert all(verdict.matched for verdict in verdicts) is wanted


def test_the_type_is_compared_without_case_and_as_it_stands() -> None:
    assert Index([flow(event_type="FILE-change")]).matching({"type": "file-CHANGE"})
    assert not Index([flow(event_type=" file-change")]).matching({"type": "file-change"})


def test_a_disabled_flow_never_fires_and_order_is_kept() -> None:
    flows = [flow("c"), flow("a", where={"path": "x"}), flow("off", enabled=False), flow("b")]
    found = Index(flows).matching({"type": "file-change", "path": "x"})
    assert [matcher.flow.id for matcher in found] == ["c", "a", "b"]


words = st.sampled_from(["a", "b", "A", "*", "", "a 1"])
wheres = st.dictionaries(st.sampled_from(["p", "q", "session.id"]), words, max_size=3)
events = st.dictionaries(st.sampled_from(["p", "q", "session.id"]), st.sampled_from(["a", "b", "a 1"]), max_size=3)


@given(st.lists(wheres, max_size=6), events)
def test_the_index_finds_what_asking_each_flow_finds(given_wheres: list[dict[str, str]], event: dict[str, str]) -> None:
    index = Index([flow(f"t{number}", where=where) for number, where in enumerate(given_wheres)])
    fields = {"type": "file-change", **event}
    wanted = [m.flow.id for m in index.all if all(verdict.matched for verdict in m.verdicts(fields))]
    assert [matcher.flow.id for matcher in index.matching(fields)] == wanted
