"""A flow: one trigger and the activities bound to it. JSON keeps the two apart, YAML keeps them together.

Optional parts are UNSET until given, so that a saved configuration shows exactly the keys that its author wrote.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType

Fields = dict[str, str]
"""An event, flattened: what conditions compare and templates show."""

NOTIFY_TYPES = (
    "plan-new",
    "plan-update",
    "work-start",
    "work-progress",
    "work-finish",
    "agent-turn-complete",
    "prompt-voice",
    "prompt-text",
)
SUGGESTED_TYPES = ("file-change", "git-branch", "git-commit", *NOTIFY_TYPES)
SCHEDULED = "schedule"
"""The event type of triggers that a clock fires."""


class Trigger(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """When a flow fires. `match` says what equality (`where`) cannot; the rest is about time.

    `group_by` names a field: debounce, throttle, cooldown and absence count for each of its values by itself.
    """

    id: str = ""
    label: str | None = ""
    event_type: str = ""
    where: dict[str, str] | None = None
    enabled: bool | UnsetType = UNSET
    match: list[Any] | UnsetType = UNSET
    debounce: str | UnsetType = UNSET
    throttle: dict[str, Any] | UnsetType = UNSET
    cooldown: str | UnsetType = UNSET
    schedule: dict[str, str] | UnsetType = UNSET
    absence: dict[str, Any] | UnsetType = UNSET
    group_by: str | UnsetType = UNSET

    @property
    def is_enabled(self) -> bool:
        """Whether it may fire."""
        return self.enabled is not False


class Binding(Struct, frozen=True, forbid_unknown_fields=True):
    """One activity of a flow, and how it is to be done."""

    activity_id: str = ""
    config: dict[str, Any] | None = None


class Flow(Struct, frozen=True):
    """A trigger with its activities, in order."""

    trigger: Trigger
    bindings: tuple[Binding, ...] = ()

    @property
    def id(self) -> str:
        """The trigger's id."""
        return self.trigger.id


OWN_KEYS = ("enabled", "match", "debounce", "throttle", "cooldown", "schedule", "absence", "group_by")
"""Keys beyond the reference's, in the order in which they are written."""


def trigger_shown(trigger: Trigger) -> dict[str, Any]:
    """As JSON shows it: the reference's four keys always, ours when given."""
    shown: dict[str, Any] = {
        "id": trigger.id,
        "label": trigger.label or "",
        "event_type": trigger.event_type,
        "where": dict(trigger.where or {}),
    }
    return shown | own_keys(trigger)


def own_keys(trigger: Trigger) -> dict[str, Any]:
    """The given ones of the keys beyond the reference's."""
    given = {key: getattr(trigger, key) for key in OWN_KEYS}
    return {key: value for key, value in given.items() if value is not UNSET}


def binding_shown(binding: Binding) -> dict[str, Any]:
    """As JSON shows it."""
    return {"activity_id": binding.activity_id, "config": dict(binding.config or {})}
