"""What a program is told of where it is."""

from __future__ import annotations

from typing import Any

import pytest

from gestalt_session.terminal.folder import SessionFile
from gestalt_session.terminal.pointers import given

URL = "http://127.0.0.1:57417"
OTLP = "OTEL_EXPORTER_OTLP_"


def session(**more: Any) -> SessionFile:
    facts = {"number": 1, "host": "", "title": "", "role": "", "command": "", "argv": [], "cwd": "/"}
    return SessionFile(**facts, uid="u", id="Größe, 1", cols=80, rows=24, created_at=0.0, **more)


def test_the_token_is_ours_whatever_the_caller_gave() -> None:
    made = given({"GESTALT_TOKEN": "theirs", "GESTALT_URL": "mine", "A": "a"}, session(), URL, "u.t")
    assert (made["GESTALT_TOKEN"], made["GESTALT_URL"], made["A"]) == ("u.t", "mine", "a")


@pytest.mark.parametrize("name", [OTLP + "ENDPOINT", OTLP + "LOGS_ENDPOINT", OTLP + "HEADERS", OTLP + "PROTOCOL"])
def test_who_sends_telemetry_elsewhere_does_not_send_our_token_there(name: str) -> None:
    made = given({name: "theirs"}, session(), URL, "u.t")
    assert {key: value for key, value in made.items() if key.startswith(OTLP)} == {name: "theirs"}
    assert [key for key, value in made.items() if "u.t" in value] == ["GESTALT_TOKEN"]


def test_nothing_points_nowhere() -> None:
    assert set(given({}, session(), "", "u.t")) == {"GESTALT_SESSION_ID", "GESTALT_TOKEN", "OTEL_RESOURCE_ATTRIBUTES"}


def test_telemetry_goes_home_and_says_whose_it_is() -> None:
    made = given({}, session(agent_id="coder", agent_name="The Coder"), URL, "u.t")
    assert made[OTLP + "ENDPOINT"] == made["GESTALT_URL"] == URL
    assert made[OTLP + "PROTOCOL"] == "http/protobuf"
    assert made[OTLP + "HEADERS"] == "Authorization=Bearer%20u.t"
    assert made["GESTALT_SESSION_ID"] == "Größe, 1"
    assert made["OTEL_RESOURCE_ATTRIBUTES"] == (
        "session.id=Gr%C3%B6%C3%9Fe%2C%201,session.uid=u,agent.id=coder,agent.name=The%20Coder"
    )


def test_resource_attributes_of_the_callers_own_stay() -> None:
    assert given({"OTEL_RESOURCE_ATTRIBUTES": "a=b"}, session(), URL, "t")["OTEL_RESOURCE_ATTRIBUTES"] == "a=b"
