"""Org text to a plan. Pure: any text is a plan, nothing raises, and every body is a part of the text as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from msgspec import Struct

from gestalt_session.workspace.plans.blocks import Blocks
from gestalt_session.workspace.plans.model import Checkboxes, Heading, Plan

HEADING = re.compile(r"^(\*+)[^\S\r\n]+([^\n]*)", re.MULTILINE)
METADATA = re.compile(r"^[^\S\r\n]*#\+(title|subtitle|date|keywords):([^\n]*)", re.IGNORECASE | re.MULTILINE)
KEYWORD = re.compile(r"(TODO|WIP|DONE)(?=\s|$)\s*", re.IGNORECASE)
PRIORITY = re.compile(r"\[#([A-Za-z])\]\s*")
TAGS = re.compile(r"(?:^|\s)(:(?:[\w@#%]+:)+)$")
CHECKBOX = re.compile(r"^(?:[^\S\r\n]*(?:[-+]|\d+[.)])|[^\S\r\n]+\*)[^\S\r\n]+\[([ xX-])\](?=\s|$)", re.MULTILINE)
PLANNING = re.compile(r"\s*(?:(?:SCHEDULED|DEADLINE|CLOSED):[^\n]*)")
PLANNED = re.compile(r"\b(SCHEDULED|DEADLINE|CLOSED):\s*([<\[][^>\]\n]*[>\]])")
DRAWER = re.compile(r"\s*:PROPERTIES:[^\S\n]*\n(.*?)^[^\S\n]*:END:", re.IGNORECASE | re.MULTILINE | re.DOTALL)
PROPERTY = re.compile(r"^[^\S\n]*:([^:\s]+):(?:[^\S\n]+([^\n]*))?$", re.MULTILINE)
FIRST_DRAWER = 64 * 1024  # characters after a heading in which a drawer is looked for
TOP, SECOND = 1, 2


class Section(Struct, frozen=True):
    """A heading line and what stands below it, up to the next one."""

    level: int
    line: str
    start: int
    body: str


def parse(filename: str, source: str) -> Plan:
    """The plan that `source` tells."""
    source = source.removeprefix("\ufeff")
    blocks = Blocks(source)
    headings = _outline([_heading(section, blocks) for section in _sections(source, blocks)])
    seconds = [child for heading in headings for child in heading.children]
    priorities = [heading.priority for heading in seconds]
    metadata = _metadata(source, blocks)
    return Plan(
        filename=filename,
        title=metadata.get("title", ""),
        subtitle=metadata.get("subtitle", ""),
        date=metadata.get("date", ""),
        keywords=metadata.get("keywords", ""),
        headings=headings,
        l1_count=len(headings),
        l2_count=len(seconds),
        priority_a=priorities.count("A"),
        priority_b=priorities.count("B"),
        priority_c=priorities.count("C"),
        checkboxes=_checkboxes(source, 0, blocks),
    )


def _metadata(source: str, blocks: Blocks) -> dict[str, str]:
    """A key that is given several times has all its values, as in Org mode."""
    values: dict[str, list[str]] = {}
    for found in METADATA.finditer(source):
        if found.start() not in blocks and found[2].strip():
            values.setdefault(found[1].lower(), []).append(found[2].strip())
    return {key: " ".join(several) for key, several in values.items()}


def _sections(source: str, blocks: Blocks) -> Iterator[Section]:
    found = [match for match in HEADING.finditer(source) if match.start() not in blocks]
    ends = [match.start() for match in found[1:]] + [len(source)]
    for match, end in zip(found, ends, strict=False):
        start = min(match.end() + 1, end)  # after the heading's own line end
        yield Section(len(match[1]), match[2], start, source[start:end].rstrip())


def _heading(section: Section, blocks: Blocks) -> Heading:
    keyword, priority, text, tags = _line(section.line.strip())
    planned, properties = _facts(section.body)
    return Heading(
        level=section.level,
        keyword=keyword,
        priority=priority,
        text=text,
        body=section.body,
        children=[],
        tags=tags,
        properties=properties,
        scheduled=planned.get("SCHEDULED"),
        deadline=planned.get("DEADLINE"),
        closed=planned.get("CLOSED"),
        checkboxes=_checkboxes(section.body, section.start, blocks),
    )


def _line(line: str) -> tuple[str, str, str, list[str]]:
    """Keyword, priority, text and tags of a heading line."""
    keyword = KEYWORD.match(line)
    line = line[keyword.end() :] if keyword else line
    priority = PRIORITY.match(line)
    line = line[priority.end() :] if priority else line
    tags = TAGS.search(line) if line.endswith(":") else None
    text = line[: tags.start()] if tags else line
    return (
        keyword[1].upper() if keyword else "",
        priority[1].upper() if priority else "",
        text.strip(),
        tags[1].strip(":").split(":") if tags else [],
    )


def _facts(body: str) -> tuple[dict[str, str], dict[str, str]]:
    """Times and properties: they stand directly below the heading, times first."""
    if ":" not in body:
        return {}, {}
    planning = PLANNING.match(body)
    drawer = DRAWER.match(body, planning.end() if planning else 0, FIRST_DRAWER)
    planned = dict(PLANNED.findall(planning[0])) if planning else {}
    properties = {key: value.strip() for key, value in PROPERTY.findall(drawer[1])} if drawer else {}
    return planned, properties


def _checkboxes(text: str, start: int, blocks: Blocks) -> Checkboxes | None:
    if "[" not in text:
        return None
    states = [found[1] for found in CHECKBOX.finditer(text) if start + found.start() not in blocks]
    return Checkboxes(sum(state in "xX" for state in states), len(states)) if states else None


def _outline(headings: Sequence[Heading]) -> list[Heading]:
    """First level, second below it, deeper ones beside them; what stands before the first heading of all is dropped."""
    top: list[Heading] = []
    for heading in headings:
        if heading.level == TOP:
            top.append(heading)
        elif top and heading.level == SECOND:
            top[-1].children.append(heading)
        elif top:
            (top[-1].children or top)[-1].subheadings.append(heading)
    return top
