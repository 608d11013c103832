"""Configurations as text: the JSON of PUT and GET, the YAML of one flow and of a bundle. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from gestalt_flow import yaml_text
from gestalt_flow.model import OWN_KEYS, Binding, Flow, Trigger, binding_shown, own_keys, trigger_shown
from gestalt_flow.validation import Part, Problem, problems_of
from gestalt_flow.yaml_text import BadYaml

INVALID_BODY = "invalid request body"


class Refused(Exception):
    """A configuration with problems; the first is the one to tell."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems[0].message)
        self.problems = problems


class Sent(Struct, forbid_unknown_fields=True):
    """The body of PUT. What only GET says may be sent back and is ignored."""

    version: int | None = 1
    triggers: list[Trigger] | None = None
    bindings_by_trigger_id: dict[str, list[Binding] | None] | None = None
    storage_path: Any = None
    revision: Any = None
    errors: Any = None


_decoder = msgspec.json.Decoder(Sent)


def flows_of_json(raw: bytes) -> list[Flow]:
    """The flows of a PUT body; `null` is `{}`. Raises Refused."""
    try:
        sent = _decoder.decode(raw) if raw.strip() != b"null" else Sent()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused([Problem(_json_path(str(error)), INVALID_BODY)]) from None
    parts = list(_parts_of(sent))
    found = problems_of(parts, 1 if sent.version is None else sent.version)
    if found:
        raise Refused(found)
    return [part.flow for part in parts if not part.is_orphan]


def _json_path(message: str) -> str:
    return message.rpartition(" - at `$")[2].rstrip("`").lstrip(".") if " - at `$" in message else ""


def _parts_of(sent: Sent) -> Iterator[Part]:
    bindings = {key.strip(): (key, value or []) for key, value in (sent.bindings_by_trigger_id or {}).items()}
    for number, trigger in enumerate(sent.triggers or []):
        key, bound = bindings.pop(trigger.id.strip(), (trigger.id, []))
        yield Part(tidy(trigger, bound), f"triggers[{number}]", f"bindings_by_trigger_id.{key}")
    for key, bound in bindings.values():
        yield Part(tidy(Trigger(id=key), bound), "", f"bindings_by_trigger_id.{key}", is_orphan=True)


def tidy(trigger: Trigger, bindings: Iterable[Binding]) -> Flow:
    """A flow as it is kept: ids trimmed, values that are null left out."""
    kept = [
        Binding(binding.activity_id.strip(), {k: v for k, v in (binding.config or {}).items() if v is not None})
        for binding in bindings
    ]
    where = dict(trigger.where or {})
    own = own_keys(trigger)
    plain = Trigger(id=trigger.id.strip(), label=trigger.label or "", event_type=trigger.event_type, where=where, **own)
    return Flow(plain, tuple(kept))


def shown(flows: Iterable[Flow]) -> dict[str, Any]:
    """The part of GET that PUT takes."""
    flows = list(flows)
    return {
        "version": 1,
        "triggers": [trigger_shown(flow.trigger) for flow in flows],
        "bindings_by_trigger_id": {flow.id: [binding_shown(binding) for binding in flow.bindings] for flow in flows},
    }


# -- YAML


def _is_duration(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


Check = Callable[[Any], bool]
_KINDS: dict[str, tuple[str, Check]] = {
    "id": ("a string", lambda value: isinstance(value, str)),
    "event_type": ("a string", lambda value: isinstance(value, str)),
    "label": ("a string", lambda value: isinstance(value, str)),
    "where": (
        "a mapping of strings (quote numbers and booleans)",
        lambda value: isinstance(value, dict) and all(isinstance(text, str) for text in value.values()),
    ),
    "bindings": ("a list", lambda value: isinstance(value, list)),
    "enabled": ("true or false", lambda value: isinstance(value, bool)),
    "match": ("a list of conditions", lambda value: isinstance(value, list)),
    "debounce": ("a duration", _is_duration),
    "cooldown": ("a duration", _is_duration),
    "throttle": ("a mapping", lambda value: isinstance(value, dict)),
    "absence": ("a mapping", lambda value: isinstance(value, dict)),
    "schedule": ("a mapping", lambda value: isinstance(value, dict)),
    "group_by": ("a string", lambda value: isinstance(value, str)),
}


def flow_of_yaml(text: str | bytes) -> Flow:
    """The flow of one file. Raises Refused, with paths inside the file."""
    part = _part(_loaded(text), "")
    found = problems_of([part])
    if found:
        raise Refused([Problem(problem.path.lstrip("."), problem.message, problem.status) for problem in found])
    return part.flow


def flows_of_bundle(text: str | bytes) -> list[Flow]:
    """The flows of a bundle. Raises Refused."""
    value = _loaded(text)
    found = list(_bundle_problems(value))
    if found:
        raise Refused(found)
    parts, problems = [], []
    for number, item in enumerate(value["flows"]):
        try:
            parts.append(_part(item, f"flows[{number}]"))
        except Refused as refused:
            problems += refused.problems
    problems += problems_of(parts, int(value["version"]))
    if problems:
        raise Refused(problems)
    return [part.flow for part in parts]


def _loaded(text: str | bytes) -> Any:
    try:
        return yaml_text.load(text)
    except BadYaml as error:
        raise Refused([Problem("", f"not a configuration: {error}")]) from None


def _bundle_problems(value: Any) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem("", "a bundle is a mapping with version and flows")
        return
    yield from (Problem(key, f"unknown key {key!r}") for key in value if key not in {"version", "flows"})
    version = value.get("version")
    if isinstance(version, bool) or not isinstance(version, int | float) or version != int(version):
        yield Problem("version", "version must be a number" if "version" in value else "version is required")
    if not isinstance(value.get("flows"), list):
        yield Problem("flows", "flows must be a list" if "flows" in value else "flows is required")


def _part(value: Any, path: str) -> Part:
    found = list(_flow_problems(value, path))
    if found:
        raise Refused(found)
    own = {key: _own(key, value[key]) for key in OWN_KEYS if key in value}
    trigger = Trigger(
        id=value["id"], label=value.get("label", ""), event_type=value["event_type"], where=value.get("where"), **own
    )
    bindings = [Binding(given["activity_id"], _numbers(given)) for given in value.get("bindings", [])]
    return Part(tidy(trigger, bindings), path, f"{path}.bindings")


def _own(key: str, value: Any) -> Any:
    """Durations may be bare numbers of seconds; schedules hold text."""
    if key in {"debounce", "cooldown"}:
        return str(value)
    return {name: str(word) for name, word in value.items()} if key == "schedule" else value


def _numbers(binding: dict[str, Any]) -> dict[str, Any]:
    """The config; a float that is whole counts as an integer, as YAML has it."""
    config = binding.get("config", {})
    return {
        key: int(value) if isinstance(value, float) and value.is_integer() else value for key, value in config.items()
    }


def _flow_problems(value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "a flow is a mapping")
        return
    for key, given in value.items():
        if key not in _KINDS:
            yield Problem(_below(path, key), f"unknown key {key!r}")
        elif not _KINDS[key][1](given):
            yield Problem(_below(path, key), f"{key} must be {_KINDS[key][0]}")
    yield from (Problem(_below(path, key), f"{key} is required") for key in ("id", "event_type") if key not in value)
    bindings = value.get("bindings", [])
    for number, binding in enumerate(bindings if isinstance(bindings, list) else []):
        yield from _binding_problems(binding, _below(path, f"bindings[{number}]"))


def _binding_problems(value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "a binding is a mapping")
        return
    unknown = [key for key in value if key not in {"activity_id", "config"}]
    yield from (Problem(f"{path}.{key}", f"unknown key {key!r}") for key in unknown)
    if not isinstance(value.get("activity_id"), str):
        yield Problem(f"{path}.activity_id", "activity_id must be a string")
    config = value.get("config", {})
    if not isinstance(config, dict):
        yield Problem(f"{path}.config", "config must be a mapping")
        return
    yield from (Problem(f"{path}.config.{key}", f"{key} must not be null") for key, v in config.items() if v is None)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def flow_as_yaml(flow: Flow) -> dict[str, Any]:
    """A flow's document, keys in the documented order, empty ones left out."""
    trigger = flow.trigger
    optional: list[tuple[str, Any]] = [("label", trigger.label), ("where", dict(trigger.where or {}))]
    optional += list(own_keys(trigger).items())
    optional.append(("bindings", [_binding_as_yaml(binding) for binding in flow.bindings]))
    given = {key: value for key, value in optional if value not in ("", {}, []) or key == "match"}
    return {"id": trigger.id, "event_type": trigger.event_type, **given}


def _binding_as_yaml(binding: Binding) -> dict[str, Any]:
    config = dict(sorted((binding.config or {}).items()))
    return {"activity_id": binding.activity_id, **({"config": config} if config else {})}


def file_text(flow: Flow) -> str:
    """One flow's file."""
    return yaml_text.dump(flow_as_yaml(flow))


def bundle_text(flows: Iterable[Flow]) -> str:
    """A bundle of flows."""
    return yaml_text.dump({"version": 1, "flows": [flow_as_yaml(flow) for flow in flows]})
