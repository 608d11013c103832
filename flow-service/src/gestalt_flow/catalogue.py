"""The activities there are: what each is called, what it takes, what holds when a value is not given."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs

LEVELS = ("info", "warning", "error")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD")
QUEUE = "queue"
WHEN_BUSY = ("send", QUEUE, "skip")


class Field(Struct, frozen=True, omit_defaults=True):
    """One value of an activity's configuration. `type`: string, bool or int."""

    key: str
    label: str
    type: str
    required: bool = False
    default: Any = None
    enum: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    help: str = ""
    secret: bool = False
    template: bool = False


class Activity(Struct, frozen=True):
    """One entry of the catalogue."""

    id: str
    label: str
    description: str
    fields: tuple[Field, ...]

    def field(self, key: str) -> Field | None:
        """The field of that name."""
        return next((field for field in self.fields if field.key == key), None)

    @property
    def templates(self) -> tuple[str, ...]:
        """The keys whose values are templates."""
        return tuple(field.key for field in self.fields if field.template)


def _text(key: str, label: str, **more: Any) -> Field:
    return Field(key, label, "string", **more)


def _template(key: str, label: str, **more: Any) -> Field:
    return Field(key, label, "string", template=True, **more)


_URL = _text("url", "URL", required=True, help="http or https. ${secret:NAME} stands for GESTALT_SECRET_NAME.")
_HEADERS = _text("headers_json", "Headers JSON", help="An object of strings. ${secret:NAME} keeps a credential out.")
_BODY = _template("body_template", "Body template", help="Empty: the event as JSON.")
_SIGNING = _text("signing_secret", "Signing secret", secret=True, help="${secret:NAME}: signs the body (HMAC-SHA256).")
_TIMEOUT = Field("timeout_seconds", "Timeout", "int", default=10, minimum=1, maximum=60)
_SESSION = _text("target_session_id", "Target session id (preferred)", help="Empty: the target agent's session.")
_AGENT = _text("target_agent_name", "Target agent (fallback)", help="A session, a profile or a role of that name.")
_BUSY = _text("when_busy", "When busy", default="send", enum=WHEN_BUSY, help="What to do while the session is at work.")
_TAIL = Field("output_tail_lines", "Output tail lines", "int", default=50, minimum=0, maximum=1000)
_INCLUDE = Field("include_terminal_output", "Include terminal output", "bool", default=False)
_MESSAGE = _template("message_template", "Message template", required=True)

CATALOGUE: tuple[Activity, ...] = (
    Activity(
        "toast_notification",
        "Toast notification",
        "Show a short message in every open page.",
        (_text("level", "Level", required=True, enum=LEVELS), _MESSAGE),
    ),
    Activity(
        "post_webhook",
        "Post webhook",
        "POST the event to a URL.",
        (_URL, _HEADERS, _BODY, _SIGNING, _TIMEOUT),
    ),
    Activity(
        "send_to_terminal",
        "Send message to session",
        "Type a message into a session.",
        (_SESSION, _AGENT, _INCLUDE, _TAIL, _MESSAGE, _BUSY),
    ),
    Activity(
        "spawn_agent_session",
        "Spawn agent session",
        "Start an agent, or take the running one, and give it a message.",
        (
            _text("agent_id", "Agent id", required=True),
            Field("reuse_if_running", "Reuse if running", "bool", default=True),
            _template("title_template", "Title template"),
            _template("message_template", "Message template"),
        ),
    ),
    Activity(
        "run_command",
        "Run command",
        "Run a command in a session of its own; what it prints stays there.",
        (
            _text("command", "Command", required=True, help="Run by the shell. The event is in $FLOW_EVENT, as JSON."),
            _text("cwd", "Directory", help="Relative to the workspace."),
            _template("title_template", "Title template"),
        ),
    ),
    Activity(
        "http_request",
        "HTTP request",
        "Send an HTTP request of any method.",
        (_text("method", "Method", required=True, enum=METHODS), _URL, _HEADERS, _BODY, _SIGNING, _TIMEOUT),
    ),
    Activity(
        "notify_session",
        "Notify session",
        "Tell an event on behalf of an agent's session, as its hooks do.",
        (
            _SESSION,
            _AGENT,
            _text("notify_type", "Type", required=True, help="For example work-progress."),
            _MESSAGE,
        ),
    ),
    Activity("stop_session", "Stop session", "End a session and its programs.", (_SESSION, _AGENT)),
)

BY_ID: dict[str, Activity] = {activity.id: activity for activity in CATALOGUE}
ORDERED = frozenset({"send_to_terminal", "stop_session"})
"""Activities whose first attempts happen in order for each target session."""


def shown() -> list[dict[str, Any]]:
    """The catalogue as JSON: keys that say nothing are left out."""
    return [
        {
            "id": activity.id,
            "label": activity.label,
            "description": activity.description,
            "fields": [_field_shown(field) for field in activity.fields],
        }
        for activity in CATALOGUE
    ]


def _field_shown(field: Field) -> dict[str, Any]:
    given = structs.asdict(field)
    return {key: value for key, value in given.items() if value not in (None, (), "") and _says(key, value)}


def _says(key: str, value: Any) -> bool:
    return key == "default" or value is not False
