"""What a program says of itself through its terminal: a title, where it is, how its last command ended. Pure.

None of it can be trusted: it is bounded, and nothing in it can be taken for anything but text.
"""

from __future__ import annotations

import re
import socket
from unicodedata import category
from urllib.parse import unquote_to_bytes, urlsplit

from msgspec import Struct

from gestalt_session.terminal.scanner import Sign

LONGEST_TITLE = 256
"""Characters."""
LONGEST_DIRECTORY = 4096
"""Bytes, as the kernel's."""
_JOINER = "\u200d"  # it makes one picture of several
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Controls, marks that turn the direction of text, halves of characters, those that nobody knows."""
_EXIT_CODE = re.compile(r"-?\d{1,10}")
_STATES = {"A": "prompt", "N": "prompt", "B": "input", "I": "input", "C": "running", "D": "finished"}


class Prompt(Struct, frozen=True):
    """Where a shell is (OSC 133). `exit_code`: of the command that ended last, if it was told."""

    state: str
    exit_code: int | None = None


class Signs(Struct, frozen=True):
    """All of it; empty and None for what was never said. `icon` names the window where no title does."""

    title: str = ""
    icon: str = ""
    directory: str = ""
    prompt: Prompt | None = None

    @property
    def shown_title(self) -> str:
        """What the window is called."""
        return self.title or self.icon


def title_of(said: bytes) -> str:
    """What of a title can be shown: one line, no marks that change how others are read."""
    text = " ".join(said.decode("utf-8", "replace").split())
    kept = (character for character in text if character == _JOINER or category(character) not in _UNSEEN)
    return "".join(kept)[:LONGEST_TITLE].strip()


def directory_of(said: bytes) -> str:
    """The path of a `file:` URL on this machine, as OSC 7 has it; empty for anything else."""
    try:
        parts = urlsplit(said.decode("utf-8", "replace"))
        here = parts.scheme == "file" and (parts.hostname or "localhost") in {"localhost", socket.gethostname().lower()}
    except ValueError:
        return ""
    path = unquote_to_bytes(parts.path)
    if not here or not path.startswith(b"/") or len(path) > LONGEST_DIRECTORY:
        return ""
    text = path.decode("utf-8", "replace")
    return "" if any(category(character) in _UNSEEN for character in text) else text


def prompt_of(said: bytes, before: Prompt | None) -> Prompt | None:
    """What a mark makes of the state."""
    kind, *parameters = said.decode("utf-8", "replace").split(";")
    state = _STATES.get(kind)
    if state is None:
        return before
    code = before.exit_code if before is not None else None
    if state == "finished":
        told = parameters[0] if parameters else ""
        code = int(told) if _EXIT_CODE.fullmatch(told) else None
    return Prompt(state, code)


def after(signs: Signs, sign: Sign, said: bytes) -> Signs:
    """What is true once the program has said that."""
    directory = directory_of(said) if sign is Sign.LOCATION else ""
    return Signs(
        title=title_of(said) if sign is Sign.TITLE else signs.title,
        icon=title_of(said) if sign is Sign.ICON else signs.icon,
        directory=directory or signs.directory,
        prompt=prompt_of(said, signs.prompt) if sign is Sign.PROMPT else signs.prompt,
    )
