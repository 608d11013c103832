"""The shape of a configuration as people write it: which keys there are, and what each takes. Pure.

Everything that is wrong is found at once; what is sound of a flow is looked at further all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from gestalt_flow.model import OWN_KEYS, Binding, Flow, Trigger
from gestalt_flow.validation import Part, Problem, problems_of

Fits = Callable[[Any], bool]
DURATIONS = frozenset({"debounce", "cooldown"})


def _is(*kinds: type) -> Fits:
    return lambda value: isinstance(value, kinds) and not isinstance(value, bool)


_KINDS: dict[str, tuple[str, Fits]] = {
    "id": ("a string", _is(str)),
    "event_type": ("a string", _is(str)),
    "label": ("a string", _is(str)),
    "where": ("a mapping of strings", _is(dict)),
    "enabled": ("true or false", lambda value: isinstance(value, bool)),
    "match": ("a list of conditions", _is(list)),
    "debounce": ("a duration", _is(str, int, float)),
    "cooldown": ("a duration", _is(str, int, float)),
    "throttle": ("a mapping", _is(dict)),
    "absence": ("a mapping", _is(dict)),
    "schedule": ("a mapping", _is(dict)),
    "group_by": ("a string", _is(str)),
}


class Reader:
    """Makes triggers and bindings of mappings, and keeps what is wrong with them.

    `nullable`: keys whose null is as good as their absence. `lenient`: durations and the words of a schedule may be
    bare numbers, and a whole float is an integer, as YAML has it.
    """

    def __init__(self, *, nullable: Iterable[str] = (), lenient: bool = False) -> None:
        self.problems: list[Problem] = []
        self._nullable = frozenset(nullable)
        self._lenient = lenient

    def wrong(self, path: str, message: str) -> None:
        """Keep a problem."""
        self.problems.append(Problem(path, message))

    def listed(self, given: Any, path: str, name: str) -> list[Any]:
        """A list, or nothing where there is none."""
        if isinstance(given, list):
            return given
        if given is not None or name not in self._nullable:
            self.wrong(path, f"{name} must be a list")
        return []

    def trigger(self, value: Mapping[str, Any], path: str, *, besides: Sequence[str] = ()) -> Trigger:
        """The trigger that a mapping describes, as far as it does. `besides`: keys that others look at."""
        sound: dict[str, Any] = {
            key: v for key, v in value.items() if key not in besides and self._fits(key, v, below(path, key))
        }
        sound["where"] = self._texts(sound.get("where") or {}, below(path, "where"), "where")
        if isinstance(sound.get("schedule"), dict):
            sound["schedule"] = self._texts(sound["schedule"], below(path, "schedule"), "schedule")
        given: dict[str, Any] = {key: str(v) if key in DURATIONS else v for key, v in sound.items()}
        return Trigger(**given)

    def _fits(self, key: str, value: Any, path: str) -> bool:
        if key not in _KINDS:
            self.wrong(path, f"unknown key {key!r}")
            return False
        if value is None and key in self._nullable:
            return False
        words, fits = _KINDS[key]
        if fits(value) and (self._lenient or key not in DURATIONS or isinstance(value, str)):
            return True
        self.wrong(path, f"{key} must be {words}")
        return False

    def _texts(self, given: Mapping[str, Any], path: str, name: str) -> dict[str, str]:
        """The entries that are text; those of a schedule may be numbers where that is usual."""
        if self._lenient and name == "schedule":
            return {key: str(value) for key, value in given.items()}
        for key, value in given.items():
            if not isinstance(value, str):
                self.wrong(below(path, key), f"{name} must be a mapping of strings (quote numbers and booleans)")
        return {key: value for key, value in given.items() if isinstance(value, str)}

    def bindings(self, given: Any, path: str) -> list[Binding]:
        """The bindings of a list of mappings, as far as they are some."""
        return [
            self._binding(one, f"{path}[{number}]") for number, one in enumerate(self.listed(given, path, "bindings"))
        ]

    def _binding(self, value: Any, path: str) -> Binding:
        if not isinstance(value, dict):
            self.wrong(path, "a binding is a mapping")
            return Binding()
        for key in value:
            if key not in {"activity_id", "config"}:
                self.wrong(f"{path}.{key}", f"unknown key {key!r}")
        name = value.get("activity_id", "" if "activity_id" in self._nullable else None)
        if not isinstance(name, str):
            self.wrong(f"{path}.activity_id", "activity_id must be a string")
        return Binding(name if isinstance(name, str) else "", self._config(value.get("config", {}), f"{path}.config"))

    def _config(self, given: Any, path: str) -> dict[str, Any]:
        if given is None and "config" in self._nullable:
            return {}
        if not isinstance(given, dict):
            self.wrong(path, "config must be a mapping")
            return {}
        for key, value in given.items():
            if value is None and "config" not in self._nullable:
                self.wrong(f"{path}.{key}", f"{key} must not be null")
        return {key: self._value(value) for key, value in given.items()}

    def _value(self, value: Any) -> Any:
        return int(value) if self._lenient and isinstance(value, float) and value.is_integer() else value

    def everything(self, parts: Sequence[Part], version: int = 1) -> list[Problem]:
        """All problems: of the shape, then of what is meant; none is told again for a value that has no shape."""
        told = {problem.path for problem in self.problems}
        meant = [replace(problem, path=problem.path.lstrip(".")) for problem in problems_of(parts, version)]
        return [*self.problems, *(problem for problem in meant if not told & set(_and_above(problem.path)))]


def below(path: str, key: str) -> str:
    """The path of a key."""
    return f"{path}.{key}" if path else key


def _and_above(path: str) -> Iterable[str]:
    """A path, and those that lead to it; the whole is one of them."""
    yield from ("", path)
    yield from (path[:place] for place, character in enumerate(path) if character in ".[")


def tidy(trigger: Trigger, bindings: Iterable[Binding]) -> Flow:
    """A flow as it is kept: ids trimmed, values that are null left out."""
    kept = [
        Binding(binding.activity_id.strip(), {k: v for k, v in (binding.config or {}).items() if v is not None})
        for binding in bindings
    ]
    own = {key: getattr(trigger, key) for key in OWN_KEYS}
    where = dict(trigger.where or {})
    plain = Trigger(id=trigger.id.strip(), label=trigger.label or "", event_type=trigger.event_type, where=where, **own)
    return Flow(plain, tuple(kept))
