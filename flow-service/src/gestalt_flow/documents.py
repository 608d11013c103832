"""Configurations as text: the JSON of PUT and GET, the YAML of one flow and of a bundle. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from gestalt_flow import yaml_text
from gestalt_flow.model import Binding, Flow, Trigger, binding_shown, own_keys, trigger_shown
from gestalt_flow.structure import Reader, below, tidy
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
_NULLABLE = ("label", "where", "triggers", "bindings", "config", "activity_id")


def flows_of_json(raw: bytes) -> list[Flow]:
    """The flows of a PUT body; `null` is `{}`. Raises Refused."""
    try:
        sent = _decoder.decode(raw) if raw.strip() != b"null" else Sent()
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(_misshapen(raw, str(error))) from None
    parts = list(_parts_of(sent))
    found = problems_of(parts, 1 if sent.version is None else sent.version)
    if found:
        raise Refused(found)
    return [part.flow for part in parts if not part.is_orphan]


def _misshapen(raw: bytes, told: str) -> list[Problem]:
    """What is wrong with a body that is none, the reference's words for it first."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = [Problem("", told)]
    else:
        found = list(_problems_of_json(value)) or [Problem("", told)]
    return [Problem(found[0].path, INVALID_BODY), *found]


def _problems_of_json(value: Any) -> Iterable[Problem]:
    reader = Reader(nullable=_NULLABLE)
    if not isinstance(value, dict):
        return [Problem("", "a configuration is an object")]
    for key in value:
        if key not in Sent.__struct_fields__:
            reader.wrong(key, f"unknown key {key!r}")
    version = value.get("version")
    if not isinstance(version, int | None) or isinstance(version, bool):
        reader.wrong("version", "version must be an integer")
        version = None
    return reader.everything(list(_parts_of(_sound(value, reader))), 1 if version is None else version)


def _sound(value: dict[str, Any], reader: Reader) -> Sent:
    """What has the right shape in a body."""
    triggers = []
    for number, given in enumerate(reader.listed(value.get("triggers"), "triggers", "triggers")):
        if not isinstance(given, dict):
            reader.wrong(f"triggers[{number}]", "a trigger is an object")
        triggers.append(reader.trigger(given if isinstance(given, dict) else {}, f"triggers[{number}]"))
    bound = value.get("bindings_by_trigger_id")
    if not isinstance(bound, dict | None):
        reader.wrong("bindings_by_trigger_id", "bindings_by_trigger_id must be an object")
        bound = None
    named = {key: reader.bindings(given, f"bindings_by_trigger_id.{key}") for key, given in (bound or {}).items()}
    return Sent(triggers=triggers, bindings_by_trigger_id={**named})


def _parts_of(sent: Sent) -> Iterator[Part]:
    bindings = {key.strip(): (key, value or []) for key, value in (sent.bindings_by_trigger_id or {}).items()}
    for number, trigger in enumerate(sent.triggers or []):
        key, bound = bindings.pop(trigger.id.strip(), (trigger.id, []))
        yield Part(tidy(trigger, bound), f"triggers[{number}]", f"bindings_by_trigger_id.{key}")
    for key, bound in bindings.values():
        yield Part(tidy(Trigger(id=key), bound), "", f"bindings_by_trigger_id.{key}", is_orphan=True)


def shown(flows: Iterable[Flow]) -> dict[str, Any]:
    """The part of GET that PUT takes."""
    flows = list(flows)
    return {
        "version": 1,
        "triggers": [trigger_shown(flow.trigger) for flow in flows],
        "bindings_by_trigger_id": {flow.id: [binding_shown(binding) for binding in flow.bindings] for flow in flows},
    }


# -- YAML


def flow_of_yaml(text: str | bytes) -> Flow:
    """The flow of one file. Raises Refused, with paths inside the file."""
    reader = Reader(lenient=True)
    part = _part(_loaded(text), "", reader)
    found = reader.everything([part])
    if found:
        raise Refused(found)
    return part.flow


def flows_of_bundle(text: str | bytes) -> list[Flow]:
    """The flows of a bundle. Raises Refused."""
    value = _loaded(text)
    if not isinstance(value, dict):
        raise Refused([Problem("", "a bundle is a mapping with version and flows")])
    reader = Reader(lenient=True)
    version = _version(value, reader)
    if "flows" not in value:
        reader.wrong("flows", "flows is required")
    items = reader.listed(value.get("flows", []), "flows", "flows")
    parts = [_part(item, f"flows[{number}]", reader) for number, item in enumerate(items)]
    problems = reader.everything(parts, version)
    if problems:
        raise Refused(problems)
    return [part.flow for part in parts]


def _loaded(text: str | bytes) -> Any:
    try:
        return yaml_text.load(text)
    except BadYaml as error:
        raise Refused([Problem("", f"not a configuration: {error}")]) from None


def _version(value: dict[str, Any], reader: Reader) -> int:
    """The version of a bundle; what is none counts as the right one, once it is told."""
    for key in value:
        if key not in {"version", "flows"}:
            reader.wrong(key, f"unknown key {key!r}")
    version = value.get("version")
    if isinstance(version, bool) or not isinstance(version, int | float) or version != int(version):
        reader.wrong("version", "version must be a number" if "version" in value else "version is required")
        return 1
    return int(version)


def _part(value: Any, path: str, reader: Reader) -> Part:
    """A flow of a mapping, as far as it is one."""
    if not isinstance(value, dict):
        reader.wrong(path, "a flow is a mapping")
        value = {}
    else:
        for key in ("id", "event_type"):
            if key not in value:
                reader.wrong(below(path, key), f"{key} is required")
    trigger = reader.trigger(value, path, besides=("bindings",))
    bindings = reader.bindings(value.get("bindings", []), below(path, "bindings"))
    return Part(tidy(trigger, bindings), path, below(path, "bindings"))


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
