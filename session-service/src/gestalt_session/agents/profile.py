"""An agent as its file describes it (reference, agents §3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from gestalt_session.agents.commands import shown
from gestalt_session.terminal.launch import sanitise

CODEX = "codex"


class Profile(Struct, frozen=True, kw_only=True):
    """What a file of the agents directory says, checked. `argv` is what is run, before what a launch adds."""

    id: str
    name: str = ""
    description: str = ""
    argv: tuple[str, ...] = ()
    cli_type: str = ""
    llm_type: str = ""
    model: str = ""
    prompts: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    onair_string: str = ""
    singleton: bool = True
    hidden: bool = False
    cwd: str = ""
    env: Mapping[str, str] = {}
    config: Mapping[str, Any] = {}  # of the CLI; empty when `argv` is the profile's own `shell`

    @property
    def command(self) -> str:
        """The command line as people read it, prompts elided."""
        return shown(self.argv)

    @property
    def takes_instructions(self) -> bool:
        """Whether prompts go onto its command line; other programs get them typed."""
        return self.llm_type == CODEX

    @property
    def title(self) -> str:
        """The base of its sessions' ids."""
        return sanitise(self.name)


def same_name(one: str) -> str:
    """What two names have in common when they are one: case and spaces do not count."""
    return "".join(sanitise(one).casefold().split())


def fnv1a64(data: bytes) -> int:
    """The hash FNV-1a with 64 bits: stable across releases, no secret kept by it."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return value
