"""Prompt templates: includes, ports, the session's id (reference, agents §6).

`Library` finds files, `render` puts them together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath

from msgspec import Struct

from gestalt_session.agents.files import Unreadable, read_bytes

SUFFIXES = (".tmpl", ".md", ".txt")
"""What a name without one of them may have, in this order."""
LONGEST_CHAIN = 3  # files, the prompt itself counted
LONGEST_SERVICE = 32
LARGEST_RENDERED = 512 * 1024  # bytes of one prompt with all it includes
MOST_INCLUDES = 200  # of one prompt, missing ones too: each is looked for in several places
MOST_CONTROLS = 0.2  # of the characters of a text
_WORDS = r"\{\{[ \t]*+(?P<word>include|port|session)[ \t]++(?P<name>[^{}\n]*+)\}\}"
"""Possessive throughout: a line of a hundred thousand spaces must not be tried from each of them."""
_DIRECTIVE = re.compile(rf"(?P<escaped>\\\{{\{{)|{_WORDS}")
_ALONE = re.compile(rf"[ \t]*+{_WORDS}[ \t]*+\r?(?P<end>\n?)")


class PromptFailed(Exception):
    """The prompt cannot be rendered; the message says why."""


class Rendered(Struct, frozen=True):
    """A prompt's text, the names of the files it was made of, in order, and what was missing."""

    text: str
    files: tuple[str, ...]
    warnings: tuple[str, ...] = ()


class Library:
    """Where prompts lie: `prompts` of the configuration, then `<workspace>/.gestalt/prompts` for includes."""

    def __init__(self, prompts: Path, workspace: Path) -> None:
        self.folder = prompts
        self._more = workspace / ".gestalt" / "prompts"
        self._workspace = workspace

    def prompt(self, name: str) -> Path:
        """The file of a prompt. Raises PromptFailed when there is none."""
        found = _first(self.folder, name)
        if found is None:
            raise PromptFailed(f'prompt "{name}" not found')
        return found

    def include(self, name: str) -> Path | None:
        """The file of an include: a bare name as a prompt, one with slashes exactly, from the workspace on."""
        if "/" not in name and "\\" not in name:
            return _first(self.folder, name) or _first(self._more, name)
        return _inside(self._workspace, name.replace("\\", "/"))


def _first(folder: Path, name: str) -> Path | None:
    endings = ("",) if name.endswith(SUFFIXES) else SUFFIXES
    return next((path for ending in endings if (path := _inside(folder, name + ending)) is not None), None)


def _inside(folder: Path, name: str) -> Path | None:
    """The file of that relative name, unless it leads out of the folder, by its words or by links."""
    words = PurePosixPath(name)
    if not name or words.is_absolute() or ".." in words.parts:
        return None
    try:
        path = (folder / words).resolve(strict=True)
        inside = path.is_relative_to(folder.resolve()) and path.is_file()
    except (OSError, ValueError, RuntimeError):  # not there; a NUL; a loop of links
        return None
    return folder / words if inside else None


def render(name: str, library: Library, *, session_id: str, ports: Mapping[str, int]) -> Rendered:
    """The prompt of that name. Raises PromptFailed."""
    rendering = _Rendering(library, session_id, ports)
    text = rendering.whole(library.prompt(name))
    return Rendered(text, tuple(rendering.files), tuple(rendering.warnings))


def is_text(content: bytes) -> bool:
    """Whether these bytes are for reading: UTF-8 without NUL, and few control characters."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    controls = sum(1 for character in text if _is_control(character))
    return "\0" not in text and controls <= MOST_CONTROLS * len(text)


def _is_control(character: str) -> bool:
    return (character < " " and character not in "\t\n\r") or "\x7f" <= character <= "\x9f"


class _Rendering:
    """One render: each file is used once, however often it is included."""

    def __init__(self, library: Library, session_id: str, ports: Mapping[str, int]) -> None:
        self._library = library
        self._size = 0
        self._includes = 0
        self._chain: list[Path] = []
        self._used: set[Path] = set()
        self._values: Mapping[str, Callable[[str], str]] = {
            "include": self._include,
            "port": lambda service: self._port(service, ports),
            "session": lambda word: session_id if word == "id" else "",
        }
        self.files: list[str] = []
        self.warnings: list[str] = []

    def whole(self, path: Path) -> str:
        """The prompt itself, which must be there and be text."""
        try:
            return self._file(path, path.resolve())
        except (Unreadable, FileNotFoundError) as error:
            raise PromptFailed(f'prompt "{path.name}": {error}') from error

    def _file(self, path: Path, real: Path) -> str:
        content = read_bytes(path)
        if not is_text(content):
            raise Unreadable("not text in UTF-8")
        self._size += len(content)
        if self._size > LARGEST_RENDERED:
            raise PromptFailed(f'prompt "{path.name}": larger than {LARGEST_RENDERED} bytes with its includes')
        self._used.add(real)
        self.files.append(path.name)
        self._chain.append(real)
        text = "".join(self._line(line) for line in content.decode("utf-8-sig").splitlines(keepends=True))
        self._chain.pop()
        return text

    def _line(self, line: str) -> str:
        alone = _ALONE.fullmatch(line)
        if alone is None:
            return _DIRECTIVE.sub(self._inline, line)
        value = self._value(alone)
        if alone["word"] == "include":
            return value + alone["end"] if value and not value.endswith("\n") else value
        return value and value + "\n"

    def _inline(self, match: re.Match[str]) -> str:
        return "{{" if match["escaped"] else self._value(match)

    def _value(self, match: re.Match[str]) -> str:
        return self._values[match["word"]](match["name"].strip())

    def _port(self, service: str, ports: Mapping[str, int]) -> str:
        port = ports.get(service.lower()) if len(service) <= LONGEST_SERVICE else None
        if port is None:
            self.warnings.append(f"no port of {service[:LONGEST_SERVICE]!r} is known")
        return "" if port is None else str(port)

    def _include(self, name: str) -> str:
        self._includes += 1
        if self._includes > MOST_INCLUDES:
            raise PromptFailed(f"prompt has more than {MOST_INCLUDES} includes")
        path = self._library.include(name)
        if path is None:
            self.warnings.append(f"include {name!r} not found")
            return ""
        real = path.resolve()
        self._check_chain(real)
        if real in self._used:
            return ""
        try:
            return self._file(path, real)
        except (Unreadable, FileNotFoundError) as error:
            self.warnings.append(f"include {name!r}: {error}")
            return ""

    def _check_chain(self, real: Path) -> None:
        names = " -> ".join(path.name for path in [*self._chain, real])
        if real in self._chain:
            raise PromptFailed(f"prompt include cycle detected: {names}")
        if len(self._chain) >= LONGEST_CHAIN:
            raise PromptFailed(f"prompt include depth exceeded ({LONGEST_CHAIN}): {names}")
