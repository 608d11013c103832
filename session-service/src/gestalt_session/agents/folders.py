"""The folders of the configuration, read as they are now; what has not changed is not read again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gestalt_session.agents import profile_file, skill
from gestalt_session.agents.files import Signature, Unreadable, Warm, names_in, read_text, signature
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
        self._files: Warm[AgentEntry] = Warm(_load_profile)

    def entries(self) -> list[AgentEntry]:
        """Every profile, by id; of two with one name the later in order has an error."""
        paths = [f"{self.path}/{name}" for name in names_in(str(self.path)) if _is_profile(name)]
        seen = [(path, version) for path in paths if (version := signature(path)) is not None]
        found = [self._files.get(path, (version,)) for path, version in seen]
        self._files.keep_only(paths)
        return _without_namesakes(sorted(found, key=lambda entry: entry.id))

    def strays(self) -> list[Problem]:
        """Files that look like profiles and cannot be reached by any id."""
        strange = [name for name in names_in(str(self.path)) if _is_stray(name)]
        return [problem(self.path / name, _why_stray(name)) for name in sorted(strange)]


class SkillFolder:
    """`skills/*/SKILL.md`. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folders: Warm[SkillEntry | None] = Warm(_load_skill)

    def entries(self) -> list[SkillEntry]:
        """Every folder, by name; one without a SKILL.md has an error that says so."""
        names = sorted(names_in(str(self.path)))
        found = [entry for name in names if (entry := self._entry(name)) is not None]
        self._folders.keep_only([self._folder(name) for name in names])
        return found

    def named(self, names: Collection[str]) -> dict[str, SkillEntry]:
        """Those of these names that there are, in that order."""
        there = set(names_in(str(self.path)))
        found = [(name, self._entry(name)) for name in names if name in there]
        return {name: entry for name, entry in found if entry is not None}

    def _entry(self, name: str) -> SkillEntry | None:
        if name.startswith("."):
            return None
        folder = self._folder(name)
        return self._folders.get(folder, (signature(folder), signature(f"{folder}/{skill.FILE}")))

    def _folder(self, name: str) -> str:
        return f"{self.path}/{name}"


def _is_profile(name: str) -> bool:
    return name.endswith(SUFFIX) and is_agent_id(name.removesuffix(SUFFIX))


def _is_stray(name: str) -> bool:
    looks_like_one = name.lower().endswith((SUFFIX, ".json"))
    return looks_like_one and not name.startswith(".") and not _is_profile(name)


def _why_stray(name: str) -> str:
    if name.lower().endswith(".json"):
        return "only TOML agent configs are supported"
    return "the name is no agent id: letters, digits, '.', '_' and '-', ending in .toml"


def _load_profile(name: str) -> AgentEntry:
    path = Path(name)
    agent_id, version = path.name.removesuffix(SUFFIX), signature(name)
    try:
        loaded = profile_file.load(agent_id, path, read_text(path))
    except (Unreadable, FileNotFoundError) as error:
        loaded = Loaded(Profile(id=agent_id), errors=(problem(path, f"cannot be read: {error}"),))
    return AgentEntry(loaded.profile, path, loaded.warnings, loaded.errors, version, loaded.places)


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


def _load_skill(name: str) -> SkillEntry | None:
    """The skill of a folder; None for what is no folder."""
    folder = Path(name)
    if not folder.is_dir():
        return None
    inside = frozenset(inner for inner in skill.FOLDERS if (folder / inner).is_dir())
    try:
        found = skill.parse(read_text(folder / skill.FILE), folder)
    except FileNotFoundError:
        return _bad_skill(folder, inside, f"missing {skill.FILE}")
    except (BadSkill, Unreadable) as error:
        return _bad_skill(folder, inside, str(error))
    return SkillEntry(folder.name, folder, found, (), inside)


def _bad_skill(folder: Path, inside: frozenset[str], why: str) -> SkillEntry:
    return SkillEntry(folder.name, folder, None, (problem(folder / skill.FILE, why),), inside)
