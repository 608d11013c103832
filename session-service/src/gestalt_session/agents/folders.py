"""The folders of the configuration, read as they are now; what has not changed is not read again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gestalt_session.agents import profile_file, skill
from gestalt_session.agents.files import Signature, Unreadable, Warm, read_text, signature
from gestalt_session.agents.identifiers import is_agent_id
from gestalt_session.agents.problems import Place, Problem, problem
from gestalt_session.agents.profile import Profile, same_name
from gestalt_session.agents.profile_file import Loaded
from gestalt_session.agents.skill import BadSkill, Skill

SUFFIX = ".toml"


class AgentEntry(Struct, frozen=True):
    """One file of the agents folder. Only one without errors can be listed and started."""

    profile: Profile
    path: Path
    warnings: tuple[Problem, ...]
    errors: tuple[Problem, ...]
    version: Signature | None
    places: Mapping[str, Place] = {}  # where keys are set

    @property
    def id(self) -> str:
        """The file's name without its suffix."""
        return self.profile.id


class SkillEntry(Struct, frozen=True):
    """One folder of the skills folder. `skill` is None when its SKILL.md is unusable: `errors` say why."""

    name: str
    path: Path
    skill: Skill | None
    errors: tuple[Problem, ...]
    folders: frozenset[str]  # which of skill.FOLDERS there are


class AgentFolder:
    """`agents/*.toml`. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: Warm[Loaded] = Warm(_load_profile)

    def entries(self) -> list[AgentEntry]:
        """Every profile, by id; of two with one name the later in order has an error."""
        paths = [self.path / name for name in _names(self.path) if _is_profile(name)]
        found = [entry for path in paths if (entry := self._entry(path)) is not None]
        self._files.keep_only(paths)
        return _without_namesakes(sorted(found, key=lambda entry: entry.id))

    def strays(self) -> list[Problem]:
        """Files that look like profiles and cannot be reached by any id."""
        strange = [name for name in _names(self.path) if _is_stray(name)]
        return [problem(self.path / name, _why_stray(name)) for name in sorted(strange)]

    def _entry(self, path: Path) -> AgentEntry | None:
        version = signature(path)
        loaded = self._files.get(path)
        if loaded is None:
            return None
        return AgentEntry(loaded.profile, path, loaded.warnings, loaded.errors, version, loaded.places)


class SkillFolder:
    """`skills/*/SKILL.md`. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: Warm[SkillEntry] = Warm(_load_skill)
        self._inside: Warm[frozenset[str]] = Warm(_folders_in)

    def entries(self) -> list[SkillEntry]:
        """Every folder, by name; one without a SKILL.md has an error that says so."""
        folders = [self.path / name for name in sorted(_names(self.path)) if not name.startswith(".")]
        found = [entry for folder in folders if (entry := self._entry(folder)) is not None]
        self._files.keep_only([folder / skill.FILE for folder in folders])
        self._inside.keep_only(folders)
        return found

    def _entry(self, folder: Path) -> SkillEntry | None:
        inside = self._inside.get(folder)
        if inside is None or NO_FOLDER in inside:
            return None
        file = folder / skill.FILE
        entry = self._files.get(file) or _bad_skill(file, f"missing {skill.FILE}")
        return replace(entry, folders=inside)


NO_FOLDER = "/"
"""Stands among the folders of what is a file."""


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:  # not there, or not ours: nothing is configured
        return []


def _is_profile(name: str) -> bool:
    return name.endswith(SUFFIX) and is_agent_id(name.removesuffix(SUFFIX))


def _is_stray(name: str) -> bool:
    looks_like_one = name.lower().endswith((SUFFIX, ".json"))
    return looks_like_one and not name.startswith(".") and not _is_profile(name)


def _why_stray(name: str) -> str:
    if name.lower().endswith(".json"):
        return "only TOML agent configs are supported"
    return "the name is no agent id: letters, digits, '.', '_' and '-', ending in .toml"


def _load_profile(path: Path) -> Loaded:
    agent_id = path.name.removesuffix(SUFFIX)
    try:
        text = read_text(path)
    except (Unreadable, FileNotFoundError) as error:
        return Loaded(Profile(id=agent_id), errors=(problem(path, f"cannot be read: {error}"),))
    return profile_file.load(agent_id, path, text)


def _without_namesakes(entries: Iterable[AgentEntry]) -> list[AgentEntry]:
    owners: defaultdict[str, list[AgentEntry]] = defaultdict(list)
    checked = []
    for entry in entries:
        name = same_name(entry.profile.name)
        if not entry.errors and owners[name]:
            entry = _namesake(entry, owners[name][0])  # noqa: PLW2901 - the same entry, with one error more
        elif not entry.errors:
            owners[name].append(entry)
        checked.append(entry)
    return checked


def _namesake(entry: AgentEntry, owner: AgentEntry) -> AgentEntry:
    text = f'"{entry.profile.name}" is already the name of {owner.path.name}'
    return replace(entry, errors=(problem(entry.path, text, key="name", place=entry.places.get("name")),))


def _load_skill(file: Path) -> SkillEntry:
    try:
        found = skill.parse(read_text(file), file.parent)
    except (BadSkill, Unreadable, FileNotFoundError) as error:
        return _bad_skill(file, str(error))
    return SkillEntry(found.name, file.parent, found, (), frozenset())


def _bad_skill(file: Path, why: str) -> SkillEntry:
    return SkillEntry(file.parent.name, file.parent, None, (problem(file, why),), frozenset())


def _folders_in(folder: Path) -> frozenset[str]:
    if not folder.is_dir():
        return frozenset({NO_FOLDER})
    return frozenset(name for name in skill.FOLDERS if (folder / name).is_dir())
