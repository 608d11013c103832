"""Skills: `SKILL.md` with its front matter, and how agents are told of them (reference, agents §4)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from gestalt_session.agents.identifiers import LONGEST_SKILL, is_skill_name

FILE = "SKILL.md"
LONGEST_DESCRIPTION = 1024  # characters
LONGEST_FRONT = 16 * 1024  # characters; the YAML parser reads a few hundred thousand a second
FOLDERS = ("scripts", "references", "assets")
DELIMITER = "---"
_TOOL = re.compile(r"[^\s,()]+(?:\([^()]*+\))?")


class BadSkill(Exception):
    """The folder holds no usable skill."""


class Skill(Struct, frozen=True, kw_only=True):
    """One skill. `path` is its folder, absolute."""

    name: str
    description: str
    path: str
    license: str = ""
    compatibility: str = ""
    metadata: Mapping[str, Any] = {}
    allowed_tools: tuple[str, ...] = ()
    body: str = ""

    @property
    def location(self) -> str:
        """The file that an agent is to read."""
        return str(Path(self.path, FILE))


class _Yaml(yaml.BaseLoader):
    """Scalars stay text, as the format has it, and one value cannot stand for a thousand others."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise BadSkill("aliases are not allowed in frontmatter")
        return super().compose_node(parent, index)


def parse(text: str, folder: Path) -> Skill:
    """The skill in the text of its SKILL.md. Raises BadSkill with the reason."""
    front, body = _split(text)
    values = _mapping(front)
    skill = Skill(
        name=_string(values, "name"),
        description=_string(values, "description"),
        path=str(folder),
        license=_string(values, "license"),
        compatibility=_string(values, "compatibility"),
        metadata=_metadata(values),
        allowed_tools=tuple(dict.fromkeys([*_tools(values, "allowed-tools"), *_tools(values, "allowed_tools")])),
        body=body,
    )
    _check(skill, folder)
    return skill


def _split(text: str) -> tuple[str, str]:
    lines = text.splitlines(keepends=True)
    if not lines:
        raise BadSkill("missing frontmatter")
    if lines[0].strip() != DELIMITER:
        raise BadSkill("missing frontmatter delimiter")
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == DELIMITER:
            return "".join(lines[1:number]), "".join(lines[number + 1 :])
    raise BadSkill("missing closing frontmatter delimiter")


def _mapping(front: str) -> dict[Any, Any]:
    if len(front) > LONGEST_FRONT:
        raise BadSkill(f"frontmatter is longer than {LONGEST_FRONT} characters")
    try:
        values = yaml.load(front, _Yaml)  # noqa: S506 - it makes texts, lists and mappings only
    except yaml.MarkedYAMLError as error:
        raise BadSkill(f"frontmatter is not valid YAML: {_marked(error)}") from error
    except yaml.YAMLError as error:
        raise BadSkill("frontmatter is not valid YAML: it holds control characters") from error
    except RecursionError:
        raise BadSkill("frontmatter is nested too deep") from None
    if not isinstance(values, dict):
        raise BadSkill("frontmatter must be a mapping" if values else "skill name is required")
    return values


def _marked(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    at = f"line {mark.line + 2}: " if mark else ""  # from 1, after the delimiter
    return f"{at}{error.problem or error.context}"


def _string(values: Mapping[Any, Any], key: str) -> str:
    value = values.get(key, "")
    if not isinstance(value, str):
        raise BadSkill(f"{key} must be a string")
    return value.strip()


def _metadata(values: Mapping[Any, Any]) -> Mapping[str, Any]:
    value = values.get("metadata") or {}
    if not isinstance(value, dict):
        raise BadSkill("metadata must be a mapping")
    return value


def _tools(values: Mapping[Any, Any], key: str) -> list[str]:
    """A list, or one line of them: `Read, Bash(git log:*)`."""
    value = values.get(key) or []
    if isinstance(value, str):
        return _TOOL.findall(value)
    if not isinstance(value, list) or not all(isinstance(tool, str) for tool in value):
        raise BadSkill(f"{key} must be a list of strings")
    return [tool.strip() for tool in value if tool.strip()]


def _check(skill: Skill, folder: Path) -> None:
    if not skill.name:
        raise BadSkill("skill name is required")
    if len(skill.name) > LONGEST_SKILL:
        raise BadSkill(f"skill name must be 1-{LONGEST_SKILL} characters")
    if not is_skill_name(skill.name):
        raise BadSkill(f'skill name "{skill.name}" is invalid')
    if not 1 <= len(skill.description) <= LONGEST_DESCRIPTION:
        raise BadSkill(f"skill description must be 1-{LONGEST_DESCRIPTION} characters")
    if skill.name != folder.name:
        raise BadSkill(f'skill name "{skill.name}" does not match directory "{folder.name}"')
    for name in FOLDERS:
        if (folder / name).exists() and not (folder / name).is_dir():
            raise BadSkill(f"{name} is not a directory")


def as_xml(skills: Iterable[Skill]) -> str:
    """What a prompt says about the skills, each with the file to read; empty when there are none."""
    lines = [line for skill in skills for line in _entry(skill)]
    return "\n".join(["<available_skills>", *lines, "</available_skills>"]) if lines else ""


def _entry(skill: Skill) -> Iterator[str]:
    yield "  <skill>"
    for tag in ("name", "description", "location", "license", "compatibility"):
        if text := getattr(skill, tag):
            yield f"    <{tag}>{_escaped(text)}</{tag}>"
    if skill.allowed_tools:
        yield "    <allowed_tools>"
        yield from (f"      <tool>{_escaped(tool)}</tool>" for tool in skill.allowed_tools)
        yield "    </allowed_tools>"
    yield "  </skill>"


def _escaped(text: str) -> str:
    return escape(text).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")
