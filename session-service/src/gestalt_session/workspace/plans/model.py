"""A plan as the API shows it: the reference's keys always, what else Org mode says only where it is said."""

from __future__ import annotations

from msgspec import Struct


class Checkboxes(Struct, frozen=True, gc=False):
    """`- [ ]` and `- [X]`, counted; one in between (`- [-]`) is not done."""

    done: int
    total: int


class Heading(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A heading of the first or second level; `subheadings` of deeper ones, in their order and with their levels."""

    level: int
    keyword: str
    priority: str
    text: str
    body: str
    children: list[Heading]
    tags: list[str] = []
    properties: dict[str, str] = {}
    scheduled: str | None = None
    deadline: str | None = None
    closed: str | None = None
    checkboxes: Checkboxes | None = None
    subheadings: list[Heading] = []


class Plan(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A plan file. `error` says why it could not be read; everything else is empty then."""

    filename: str
    title: str
    subtitle: str
    date: str
    keywords: str
    headings: list[Heading]
    l1_count: int
    l2_count: int
    priority_a: int
    priority_b: int
    priority_c: int
    checkboxes: Checkboxes | None = None
    error: str | None = None


def unreadable(filename: str, error: str) -> Plan:
    """The plan object of a file that could not be read."""
    return Plan(
        filename=filename,
        title="",
        subtitle="",
        date="",
        keywords="",
        headings=[],
        l1_count=0,
        l2_count=0,
        priority_a=0,
        priority_b=0,
        priority_c=0,
        error=error,
    )
