"""YAML as configuration needs it: the core schema of YAML 1.2, bounded in every direction, with places in errors.

An alias costs what it stands for, so a bomb runs into the bound; cycles, duplicate keys and tags are refused.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml
from msgspec import Struct, field

LARGEST = 1024 * 1024
MOST_NODES = 200_000
DEEPEST = 40
MERGE = "<<"


class BadYaml(Exception):
    """What is wrong, with its line where one is known."""


_Loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_CONSTANTS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    word: value for text, value in (("true", True), ("false", False)) for word in (text, text.title(), text.upper())
}
MOST_DIGITS = 25


def load(text: str | bytes) -> Any:
    """The first document. Raises BadYaml."""
    if len(text) > LARGEST:
        raise BadYaml(f"the document is over {LARGEST} bytes")
    root = _composed(text)
    return Builder().build(root) if root is not None else None


def _composed(text: str | bytes) -> Any:
    loader = _Loader(text)
    try:
        _bounded(loader)
        loader.dispose()
        loader = _Loader(text)
        return loader.get_node() if loader.check_node() else None
    except (yaml.YAMLError, UnicodeError, ValueError) as error:
        raise BadYaml(_told(error)) from None
    finally:
        loader.dispose()


def _bounded(loader: Any) -> None:
    """Look at the events of the first document before anything is built: depth must not reach the parser's stack."""
    depth = events = 0
    while loader.check_event():
        event = loader.get_event()
        events += 1
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST or events > MOST_NODES:
            line = event.start_mark.line + 1
            raise BadYaml(f"line {line}: the document is nested deeper than {DEEPEST} or has too many values")
        if isinstance(event, yaml.DocumentEndEvent):
            return


class Builder(Struct):
    """Makes values of nodes."""

    left: int = MOST_NODES
    open: set[int] = field(default_factory=set)

    def build(self, node: Any) -> Any:
        """The value of a node and all below it. Raises BadYaml."""
        self.left -= 1
        if self.left < 0:
            raise BadYaml(f"line {_line(node)}: aliases expand to more than {MOST_NODES} values")
        if isinstance(node, yaml.ScalarNode):
            return scalar(node)
        if id(node) in self.open:
            raise BadYaml(f"line {_line(node)}: a value contains itself")
        if len(self.open) > DEEPEST:
            raise BadYaml(f"line {_line(node)}: the document is nested deeper than {DEEPEST}")
        self.open.add(id(node))
        built = self._mapping(node) if isinstance(node, yaml.MappingNode) else self._sequence(node)
        self.open.remove(id(node))
        return built

    def _sequence(self, node: Any) -> list[Any]:
        if not node.tag.endswith(":seq"):
            raise BadYaml(f"line {_line(node)}: tags are not supported")
        return [self.build(item) for item in node.value]

    def _mapping(self, node: Any) -> dict[str, Any]:
        if not node.tag.endswith(":map"):
            raise BadYaml(f"line {_line(node)}: tags are not supported")
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self.build(key_node)
            if key == MERGE and not key_node.style:
                merged = self._merged(value_node) | merged
            elif not isinstance(key, str):
                raise BadYaml(f"line {_line(key_node)}: a key must be a string")
            elif key in own:
                raise BadYaml(f"line {_line(key_node)}: key {key!r} is there twice")
            else:
                own[key] = self.build(value_node)
        return merged | own

    def _merged(self, node: Any) -> dict[str, Any]:
        value = self.build(node)
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise BadYaml(f"line {_line(node)}: << takes a mapping")
        merged: dict[str, Any] = {}
        for part in parts:
            merged = part | merged
        return merged


def scalar(node: Any) -> Any:
    """A scalar by the core schema; what is quoted is a string."""
    if node.tag not in _PLAIN_TAGS:
        raise BadYaml(f"line {_line(node)}: tags are not supported")
    return node.value if node.style else plain(node.value, _line(node))


_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)


def plain(text: str, line: int = 0) -> Any:
    """What an unquoted word is. `yes`, `on` and dates are strings."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.fullmatch(text):
        if len(text) > MOST_DIGITS:
            raise BadYaml(f"line {line}: the number has more than {MOST_DIGITS} digits")
        return int(text, 0) if text.startswith("0o") or text.lower().startswith("0x") else int(text)
    if _SPECIAL.fullmatch(text):
        raise BadYaml(f"line {line}: {text} is no number that JSON knows")
    if not _FLOAT.fullmatch(text):
        return text
    if math.isinf(float(text)):
        raise BadYaml(f"line {line}: {text} is no number that JSON knows")
    return float(text)


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def _told(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return "this is not text that YAML allows" if isinstance(error, UnicodeError) else str(error).splitlines()[0]


class _Dumper(yaml.SafeDumper):
    """Two spaces, lists below their key, no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> Any:
    """Quoted where any YAML, 1.1 or ours, would read something else."""
    style = '"' if _is_ambiguous(text) else "|" if "\n" in text and text.isprintable() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _is_ambiguous(text: str) -> bool:
    if re.fullmatch(r"(?i)y|n|yes|no|on|off", text):
        return True
    try:
        return bool(plain(text) != text)
    except BadYaml:
        return True


_Dumper.add_representer(str, _string)


def dump(value: Any) -> str:
    """A value as YAML that `load` reads back as it was."""
    return str(yaml.dump(value, Dumper=_Dumper, indent=2, sort_keys=False, allow_unicode=True, width=10_000))
