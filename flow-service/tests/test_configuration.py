"""PUT's JSON and the YAML of import: refusals first, each with its documented words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gestalt_flow.documents import Refused, bundle_text, file_text, flow_of_yaml, flows_of_bundle, flows_of_json, shown

TOAST = {"activity_id": "toast_notification", "config": {"level": "info", "message_template": "x"}}


def trigger(**more: Any) -> dict[str, Any]:
    return {"id": "t", "event_type": "file-change", **more}


def put(*triggers: dict[str, Any], bindings: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"triggers": list(triggers), "bindings_by_trigger_id": bindings or {}, **more}


def bound(activity: str, **config: Any) -> dict[str, Any]:
    return put(trigger(), bindings={"t": [{"activity_id": activity, "config": config}]})


def send(**config: Any) -> dict[str, Any]:
    return bound("send_to_terminal", message_template="x", **config)


def hook(**config: Any) -> dict[str, Any]:
    return bound("post_webhook", **{"url": "http://a.example/", **config})


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (put(version=2), 400, "unsupported config version 2"),
        (put(version="1"), 400, "invalid request body"),
        (put(version=1.0), 400, "invalid request body"),
        (put(wat=1), 400, "invalid request body"),
        (put(trigger(wat=1)), 400, "invalid request body"),
        (put(trigger(where={"a": 1})), 400, "invalid request body"),
        (put(trigger(id="  ")), 400, "trigger id is required"),
        (put(trigger(event_type=" ")), 400, 'trigger "t" event_type is required'),
        (put(trigger(event_type="plan-new", where={" ": "a"})), 400, 'trigger "t" where key is required'),
        (
            put(trigger(event_type="plan-new", where={"Session_Id": "a"})),
            400,
            'trigger "t" where key "session_id" is not supported for notify events',
        ),
        (put(trigger(), trigger(id=" t ")), 409, 'duplicate trigger id "t"'),
        (put(trigger(), bindings={"t": [{}]}), 400, 'trigger "t" activity_id is required'),
        (
            put(trigger(), bindings={"t": [TOAST, TOAST]}),
            409,
            'duplicate activity "toast_notification" for trigger "t"',
        ),
        (bound("launch"), 409, 'unknown activity_id "launch"'),
        (put(bindings={"ghost": [{"activity_id": "launch"}]}), 409, 'unknown activity_id "launch"'),
        (bound("toast_notification", level="info"), 400, "toast_notification.message_template is required"),
        (bound("toast_notification", level=5, message_template="x"), 400, "toast_notification.level must be string"),
        (send(output_tail_lines="5"), 400, "send_to_terminal.output_tail_lines must be int"),
        (send(output_tail_lines=5.0), 400, "send_to_terminal.output_tail_lines must be int"),
        (send(output_tail_lines=True), 400, "send_to_terminal.output_tail_lines must be int"),
        (send(output_tail_lines=-1), 400, "send_to_terminal.output_tail_lines must be from 0 to 1000"),
        (send(include_terminal_output="yes"), 400, "send_to_terminal.include_terminal_output must be bool"),
        (hook(url="file:///etc/passwd"), 400, "post_webhook.url must be an http or https URL"),
        (hook(url="http://"), 400, "post_webhook.url must be an http or https URL"),
        (hook(url="http://a b/"), 400, "post_webhook.url must be an http or https URL"),
        (hook(headers_json="[]"), 400, "post_webhook.headers_json must be a JSON object of strings"),
        (hook(headers_json='{"a": 1}'), 400, "post_webhook.headers_json must be a JSON object of strings"),
        (
            hook(headers_json='{"a": "b\\r\\nc: d"}'),
            400,
            "post_webhook.headers_json has a header that cannot be sent: 'a'",
        ),
        (put(trigger(id="@@@")), 400, "trigger id must normalize to a non-empty filename"),
        (put(trigger(id="x" * 300)), 400, "trigger id is longer than 200 characters"),
        (
            put(trigger(id="A b"), trigger(id="a-b")),
            409,
            'trigger ids "A b" and "a-b" map to the same managed filename "a-b.flow.yaml"',
        ),
        (
            put(trigger(debounce="soon")),
            400,
            "trigger \"t\" debounce: a duration is a number with s, m, h or d, not 'soon'",
        ),
        (
            put(trigger(throttle={"limit": 0, "per": "1m"})),
            400,
            'trigger "t" throttle: limit is a number from 1 to 10000',
        ),
        (put(trigger(schedule={"every": "5s"})), 400, 'trigger "t" schedule: a schedule fires event_type "schedule"'),
        (put(trigger(event_type="schedule")), 400, 'trigger "t" schedule: event_type "schedule" needs a schedule'),
        (put(trigger(match=[{"field": "a", "op": "??"}])), 400, None),
    ],
)
def test_put_refuses(body: dict[str, Any], status: int, message: str | None) -> None:
    with pytest.raises(Refused) as refused:
        flows_of_json(json.dumps(body).encode())
    first = refused.value.problems[0]
    assert first.status == status
    assert message is None or first.message == message


def test_the_level_is_checked() -> None:
    with pytest.raises(Refused, match="must be one of info, warning, error"):
        flows_of_json(json.dumps(bound("toast_notification", level="loud", message_template="x")).encode())
    assert flows_of_json(json.dumps(bound("toast_notification", level="ERROR", message_template="x")).encode())


def test_every_problem_is_told_with_its_place() -> None:
    body = put(trigger(), trigger(event_type=""), bindings={"t": [{"activity_id": "toast_notification"}]})
    with pytest.raises(Refused) as refused:
        flows_of_json(json.dumps(body).encode())
    assert [(problem.path, problem.message) for problem in refused.value.problems] == [
        ("triggers[1].event_type", 'trigger "t" event_type is required'),
        ("triggers[1].id", 'duplicate trigger id "t"'),
        ("bindings_by_trigger_id.t[0].config.level", "toast_notification.level is required"),
        ("bindings_by_trigger_id.t[0].config.message_template", "toast_notification.message_template is required"),
    ]


FAULTY = {
    "id": 5,
    "event_type": "schedule",
    "label": ["x"],
    "where": {"a": 1, "b": "fine"},
    "wat": 1,
    "match": [
        {"field": "", "op": "gt", "value": "x"},
        {"op": "any", "of": [{"op": "?"}, 5]},
        {"field": "a", "value": 1},
    ],
    "debounce": "soon",
    "throttle": {"limit": 0, "per": "?"},
    "absence": {"until": "x"},
    "schedule": {"cron": "nonsense", "misfire": "?"},
}
FAULTS = (
    "id",
    "label",
    "wat",
    "where.a",
    "match[0].field",
    "match[0].value",
    "match[1].of[0].op",
    "match[1].of[1]",
    "debounce",
    "throttle.limit",
    "throttle.per",
    "absence",
    "absence.until",
    "schedule",
    "schedule.misfire",
)


def test_every_fault_of_a_configuration_is_told_at_once_with_its_place() -> None:
    """Of its shape and of its meaning, however many there are in one place."""
    bindings = [{"activity_id": "toast_notification", "config": {"level": "loud"}}, {"activity_id": 1, "x": 1}, 5]
    body = put(FAULTY, trigger(event_type=""), bindings={"t": bindings}, wat=1, version="1")
    with pytest.raises(Refused) as refused:
        flows_of_json(json.dumps(body).encode())
    problems = refused.value.problems
    assert problems[0].message == "invalid request body"
    of_bindings = ("[1].x", "[1].activity_id", "[2]", "[0].config.level", "[0].config.message_template")
    assert {problem.path for problem in problems} == {
        "wat",
        "version",
        *(f"triggers[0].{path}" for path in FAULTS),
        "triggers[1].event_type",
        *(f"bindings_by_trigger_id.t{path}" for path in of_bindings),
    }
    bundle = {"version": "1", "wat": 1, "flows": [{**FAULTY, "bindings": bindings}, 5, {"id": "x"}]}
    with pytest.raises(Refused) as refused:
        flows_of_bundle(json.dumps(bundle))
    assert {problem.path for problem in refused.value.problems} == {
        "wat",
        "version",
        *(f"flows[0].{path}" for path in FAULTS),
        *(f"flows[0].bindings{path}" for path in of_bindings),
        "flows[1]",
        "flows[2].event_type",
    }


def test_what_is_no_json_is_told_with_its_place() -> None:
    with pytest.raises(Refused) as refused:
        flows_of_json(b'{"triggers": [}')
    assert [problem.message for problem in refused.value.problems] == [
        "invalid request body",
        "JSON is malformed: invalid character (byte 14)",
    ]


@pytest.mark.parametrize("body", [b"{}", b"null", b" null ", b'{"triggers": null, "bindings_by_trigger_id": null}'])
def test_nothing_is_a_configuration_too(body: bytes) -> None:
    assert flows_of_json(body) == []


def test_what_get_says_may_be_put_back_whole() -> None:
    config = {"target_session_id": "a", "message_template": "x", "output_tail_lines": 7, "more": {"a": [1, None]}}
    binding = {"activity_id": " send_to_terminal ", "config": {**config, "target_agent_name": None}}
    body = put(
        trigger(id="b", enabled=False, match=[], cooldown="5m", label=None),
        trigger(id="a", where={"path": "x"}),
        bindings={
            "b": [binding],
            "zz": [],
        },
        storage_path="x",
        revision="r",
        errors=[],
    )
    flows = flows_of_json(json.dumps(body).encode())
    said = shown(flows)
    assert [given["id"] for given in said["triggers"]] == ["b", "a"]
    assert said["triggers"][0] == {
        "id": "b",
        "label": "",
        "event_type": "file-change",
        "where": {},
        "enabled": False,
        "match": [],
        "cooldown": "5m",
    }
    assert said["triggers"][1] == {"id": "a", "label": "", "event_type": "file-change", "where": {"path": "x"}}
    assert said["bindings_by_trigger_id"] == {"b": [{"activity_id": "send_to_terminal", "config": config}], "a": []}
    assert flows_of_json(json.dumps(said).encode()) == flows
    assert flows_of_bundle(bundle_text(flows)) == flows
    assert [flow_of_yaml(file_text(flow)) for flow in flows] == flows


BUNDLE = """
version: 1
flows:
  - id: t
    event_type: file-change
    bindings:
      - activity_id: send_to_terminal
        config: {message_template: x, output_tail_lines: 5.0}
"""


@pytest.mark.parametrize(
    ("text", "path", "message"),
    [
        ("", "", "a bundle is a mapping with version and flows"),
        ("flows: []", "version", "version is required"),
        ('version: "1"\nflows: []', "version", "version must be a number"),
        ("version: 1.5\nflows: []", "version", "version must be a number"),
        ("version: 2\nflows: []", "version", "unsupported config version 2"),
        ("version: 1", "flows", "flows is required"),
        ("version: 1\nflows: []\nx: 1", "x", "unknown key 'x'"),
        ("version: 1\nflows: [1]", "flows[0]", "a flow is a mapping"),
        (BUNDLE.replace("id: t", "id: t\n    wat: 1"), "flows[0].wat", "unknown key 'wat'"),
        (BUNDLE.replace("id: t", "id: 5"), "flows[0].id", "id must be a string"),
        (BUNDLE.replace("id: t", "id: t\n    label: null"), "flows[0].label", "label must be a string"),
        (
            BUNDLE.replace("id: t", "id: t\n    where: {a: 5}"),
            "flows[0].where.a",
            "where must be a mapping of strings (quote numbers and booleans)",
        ),
        (
            BUNDLE.replace("5.0", "null"),
            "flows[0].bindings[0].config.output_tail_lines",
            "output_tail_lines must not be null",
        ),
        (
            BUNDLE.replace("output_tail_lines: 5.0", "include_terminal_output: yes"),
            "flows[0].bindings[0].config.include_terminal_output",
            "send_to_terminal.include_terminal_output must be bool",
        ),
    ],
)
def test_import_refuses_and_says_where(text: str, path: str, message: str) -> None:
    with pytest.raises(Refused) as refused:
        flows_of_bundle(text)
    assert (refused.value.problems[0].path, refused.value.problems[0].message) == (path, message)


def test_a_file_that_holds_no_flow_is_told_so_once() -> None:
    with pytest.raises(Refused) as refused:
        flow_of_yaml("5")
    assert [problem.message for problem in refused.value.problems] == ["a flow is a mapping"]


def test_a_whole_float_is_an_integer_in_yaml() -> None:
    (flow,) = flows_of_bundle(BUNDLE)
    assert flow.bindings[0].config == {"message_template": "x", "output_tail_lines": 5}
