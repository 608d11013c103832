"""Org text to plans (reference, agents §5.2): any text at all, then the rules one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gestalt_session.workspace.plans.model import Heading, Plan
from gestalt_session.workspace.plans.parser import parse

PIECES = st.sampled_from(
    ["* ", "** ", "*** ", "*", "TODO", "done", "[#A]", "[#z] ", ":a:b:", "\n", "\r\n", "\r", "é", "\U0001f600", " ",
     "#+TITLE: x", "#+begin_src\n", "#+end_src\n", "#+BEGIN_QUOTE", ":PROPERTIES:\n", ":END:\n", ":k: v\n",
     "SCHEDULED: <2026-01-26>", "- [ ] x\n", "1. [X] y\n", "\u2028", "\x0b", "\0", "\ufeff", "text"]
)  # fmt: skip
TEXTS = st.lists(PIECES | st.text(max_size=5), max_size=40).map("".join)


def every(plan: Plan) -> list[Heading]:
    return [one for top in plan.headings for second in (top, *top.children) for one in (second, *second.subheadings)]


@given(TEXTS)
@example("* a\r\n\r\n body \r\n** b")
@example("* " + "*" * 5_000 + "\n" + "\n".join("*" * n + " x" for n in range(1, 300)))
def test_any_text_is_a_plan_whose_bodies_are_parts_of_it(source: str) -> None:
    plan = parse("x.org", source)
    for heading in every(plan):
        assert heading.body in source
        assert heading.body == heading.body.rstrip()
        assert heading.text == heading.text.strip()
    assert plan.l1_count == len(plan.headings)
    assert plan.l2_count == sum(len(top.children) for top in plan.headings)
    assert {top.level for top in plan.headings} <= {1}
    assert {second.level for top in plan.headings for second in top.children} <= {2}
    msgspec.json.encode(plan)


@given(TEXTS)
def test_line_ends_change_nothing_but_bodies(source: str) -> None:
    plain = source.replace("\r", "")
    shown, other = parse("x", plain), parse("x", plain.replace("\n", "\r\n"))
    assert [(h.level, h.keyword, h.priority, h.text, h.tags) for h in every(shown)] == [
        (h.level, h.keyword, h.priority, h.text, h.tags) for h in every(other)
    ]
    assert [h.body for h in every(shown)] == [h.body.replace("\r\n", "\n") for h in every(other)]
    assert [h.properties for h in every(shown)] == [h.properties for h in every(other)]


def one(source: str) -> dict[str, Any]:
    (heading,) = msgspec.to_builtins(parse("x", source).headings)
    found: dict[str, Any] = heading
    return found


@pytest.mark.parametrize(
    ("line", "keyword", "priority", "text", "tags"),
    [
        ("* TODO [#A] First", "TODO", "A", "First", []),
        ("* wip [#c] Größe 😀 :a:b_1:", "WIP", "C", "Größe 😀", ["a", "b_1"]),
        ("* DONE", "DONE", "", "", []),
        ("* [#D] odd", "", "D", "odd", []),
        ("* TODO DONE y", "TODO", "", "DONE y", []),
        ("* CANCELLED x", "", "", "CANCELLED x", []),
        ("* TODOs are many", "", "", "TODOs are many", []),
        ("* a [#A] b", "", "", "a [#A] b", []),
        ("*  :tag:", "", "", "", ["tag"]),
        ("* at 10:30: then", "", "", "at 10:30: then", []),
        ("* /so/ [[x][link]]\t", "", "", "/so/ [[x][link]]", []),
    ],
)
def test_a_heading_line(line: str, keyword: str, priority: str, text: str, tags: list[str]) -> None:
    found = one(line + "\r\nbody")
    assert (found["keyword"], found["priority"], found["text"], found.get("tags", [])) == (
        keyword, priority, text, tags,
    )  # fmt: skip
    assert found["body"] == "body"


@pytest.mark.parametrize("line", ["*bold* x", " * item", "*", "-* x", ",* x"])
def test_what_is_no_heading(line: str) -> None:
    assert parse("x", line + "\n").headings == []


WHOLE = """\
#+title: Größe
#+TITLE: zwei
#+DATE: 2026-01-26
#+KEYWORDS: a,b
** dropped
* WIP [#A] First

line é
** TODO [#B] Sub
   SCHEDULED: <2026-01-26 Mon +1w> DEADLINE: [2026-02-01]
   :PROPERTIES:
   :Effort: 2h
   :ID:
   :END:
- [ ] one
- [X] two
  * [-] half
*** DONE Deep :x:
deep
**** Deeper
* Last
#+BEGIN_SRC org
* no heading
- [ ] no box
#+title: none
#+end_src
tail
"""


def test_a_whole_plan() -> None:
    plan = parse("x.org", WHOLE)
    assert (plan.filename, plan.title, plan.subtitle, plan.date, plan.keywords) == (
        "x.org", "Größe zwei", "", "2026-01-26", "a,b",
    )  # fmt: skip
    assert (plan.l1_count, plan.l2_count, plan.priority_a, plan.priority_b, plan.priority_c) == (2, 1, 0, 1, 0)
    assert msgspec.to_builtins(plan.checkboxes) == {"done": 1, "total": 3}
    first, last = msgspec.to_builtins(plan.headings)
    (sub,) = first.pop("children")
    assert first == {"level": 1, "keyword": "WIP", "priority": "A", "text": "First", "body": "\nline é"}
    deep = sub.pop("subheadings")
    assert [(one["level"], one["text"], one.get("tags")) for one in deep] == [(3, "Deep", ["x"]), (4, "Deeper", None)]
    assert sub.pop("body").endswith("* [-] half")
    assert sub == {
        "level": 2, "keyword": "TODO", "priority": "B", "text": "Sub", "children": [],
        "scheduled": "<2026-01-26 Mon +1w>", "deadline": "[2026-02-01]", "properties": {"Effort": "2h", "ID": ""},
        "checkboxes": {"done": 1, "total": 3},
    }  # fmt: skip
    assert last["body"].endswith("#+end_src\ntail")
    assert set(last) == {"level", "keyword", "priority", "text", "body", "children"}


def test_a_block_that_does_not_end_hides_nothing() -> None:
    plan = parse("x", "* a\n#+begin_src\n* b\n#+begin_src\n* hidden\n#+end_src\n* c\n#+end_quote\n* d")
    assert [heading.text for heading in plan.headings] == ["a", "b", "c", "d"]


def test_deeper_headings_without_a_second_level_belong_to_the_first() -> None:
    (heading,) = parse("x", "*** dropped\n* a\n*** deep\n").headings
    assert ([deep.text for deep in heading.subheadings], heading.children) == (["deep"], [])
