"""Command lines from configuration: as an argument list, and as people read it (reference, agents §3.3). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

INSTRUCTIONS = "developer_instructions"
PROSE = frozenset({INSTRUCTIONS, "instructions", "compact_prompt"})
"""Keys whose values are prompts: they are never shown."""
CONFIG_FLAGS = frozenset({"-c", "--config"})
PROSE_FLAGS = frozenset({"--prompt"})
ELIDED = "…"
QUOTED_FOR = frozenset("'\"\\$&;|><()*?[]{}!#")

Config = Mapping[str, Any]


def codex(config: Config) -> list[str]:
    """`codex -c key=value …`, sorted by key."""
    return ["codex", *codex_options(config, {})]


def codex_options(config: Config, last: Config) -> list[str]:
    """`-c key=value …`, sorted by key; what is in `last` comes last."""
    pairs = [*flattened(config), *last.items()]
    return [word for key, value in pairs for word in ("-c", f"{key}={_text(_codex_value(key, value))}")]


def copilot(config: Config) -> list[str]:
    """`copilot --flag value …`, sorted by key; lists repeat their flag."""
    words = ["copilot"]
    for key, value in flattened(config):
        words += _flags(key.replace(".", "-").replace("_", "-"), value)
    return words


GENERATORS = {"codex": codex, "copilot": copilot}


def flattened(config: Config) -> list[tuple[str, Any]]:
    """Dotted keys and their values, sorted; empty strings, lists and tables left out."""
    return sorted(_leaves(config, ""), key=lambda leaf: leaf[0])


def _leaves(config: Config, prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{_key(key)}.")
        elif value not in ("", []):
            yield prefix + _key(key), value


def shown(argv: Iterable[str]) -> str:
    """The command as one line of shell, prompts elided."""
    words = list(argv)
    return " ".join(quoted(_elided(word, words[at - 1] if at else "")) for at, word in enumerate(words))


def quoted(word: str) -> str:
    """The word as a shell takes it; plain ones as they are."""
    if not word:
        return "''"
    if any(character.isspace() or character in QUOTED_FOR for character in word):
        return "'" + word.replace("'", "'\"'\"'") + "'"
    return word


def _elided(word: str, before: str) -> str:
    key, assigned, _ = word.partition("=")
    if assigned and (key in PROSE_FLAGS or (before in CONFIG_FLAGS and key in PROSE)):
        return f"{key}={ELIDED}"
    return ELIDED if before in PROSE_FLAGS else word


def _key(key: str) -> str:
    """A key that has a dot of its own is quoted, or it would become two."""
    return json.dumps(key, ensure_ascii=False) if "." in key or "=" in key else key


def _codex_value(key: str, value: Any) -> Any:
    return [value] if key == "notify" and isinstance(value, str) else value


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _flags(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    values = value if isinstance(value, list) else [value]
    return [word for item in values for word in (f"--{name}", _text(item))]
