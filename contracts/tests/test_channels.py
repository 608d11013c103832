from __future__ import annotations

import re
from pathlib import Path

import pytest

from gestalt_contracts.channels import FlowNames, Names, Stream

REPOSITORY = Path(__file__).parents[2]
SPELLED = re.compile(r"\{gestalt[:}]")
THE_ONE = "contracts/src/gestalt_contracts/channels.py"


@pytest.mark.parametrize("suffix", ["py", "lua"])
def test_no_other_source_spells_a_key(suffix: str) -> None:
    sources = [path for path in REPOSITORY.glob(f"*/src/**/*.{suffix}") if not str(path).endswith(THE_ONE)]
    assert sources
    assert [str(path) for path in sources if SPELLED.search(path.read_text("utf-8"))] == []


def test_every_name_begins_with_the_namespace_as_its_hash_tag() -> None:
    names = Names("mine")
    every = [
        *(names.stream(stream) for stream in Stream),
        *(names.intake, names.intake_dropped, names.summaries, names.workspace, names.epoch, names.generation),
        *(names.workers, names.sessions, names.worker("w"), names.alive("w"), names.service("flow", "1")),
        *(names.session("u"), names.name("Shell 1"), names.former("Shell 1"), names.lease("sweep")),
        *(names.idempotency("d"), names.login("d"), names.ticket("d"), names.seen("u", "e")),
    ]
    assert len(set(every)) == len(every)
    assert all(name.startswith("{mine}:") for name in every)


def test_names_are_what_they_were_in_every_release() -> None:
    names = Names()
    assert names.stream(Stream.EVENTS) == "{gestalt}:events"
    assert names.session("u1") == "{gestalt}:session:u1"
    assert names.name("Coder 1") == "{gestalt}:name:Coder 1"
    assert names.alive("w1") == "{gestalt}:alive:w1"
    assert names.seen("u1", "e1") == "{gestalt}:seen:u1:e1"


def test_flows_have_a_hash_tag_of_their_own() -> None:
    names = FlowNames("mine")
    every = [
        *(names.saved, names.run("r"), names.runs, names.runs_by("status", "failed"), names.evaluations, names.ready),
        *(names.revisions, names.revision, names.doings),
        *(names.delayed, names.order("Coder 1"), names.timers, names.timer, names.cooldown("f"), names.throttle("f")),
    ]
    assert len(set(every)) == len(every)
    assert all(name.startswith("{mine:flow}:") for name in every)
    assert FlowNames().ready == "{gestalt:flow}:ready"


def test_an_empty_word_gives_the_prefix_that_scripts_complete() -> None:
    assert Names().session("") + "u1" == Names().session("u1")
