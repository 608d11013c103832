"""What the routes of this service take and answer, for the API's document (contract §1, §3, §5, §8)."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from gestalt_serving.description import Table, Told
from gestalt_session.agents.problems import Problem
from gestalt_session.notices.notice import Body
from gestalt_session.routes import session, typing, workers
from gestalt_session.terminal.launch import Order
from gestalt_session.workspace.gitlog import FileChange
from gestalt_session.workspace.plans.model import Plan


class Session(TypedDict):
    """A summary: a session as the list shows it. More fields may be there."""

    id: str
    uid: str
    title: str
    role: str
    llm_type: str
    model: str
    interface: str
    runner: Literal["server", "external"]
    command: str
    skills: list[str]
    prompt_files: list[str]
    cwd: str
    cols: int
    rows: int
    labels: dict[str, str]
    agent_id: str | None
    created_at: str
    status: Literal["starting", "running", "closing", "closed", "unreachable", "lost"]
    worker: str
    pid: int | None
    exit_code: int | None
    close_reason: str | None
    viewers: int
    output_bytes: int
    last_output_at: str | None
    last_input_at: str | None
    journal_holes: int
    last_line: str
    occupied: str | None
    terminal_title: NotRequired[str]


class Launch(TypedDict):
    """How it was started."""

    session_id: str
    argv: list[str]
    interface: str
    prompt_files: list[str] | None
    prompt_injection: dict[str, Any]


class Created(Session):
    """A new session."""

    launch: Launch


class Lines(TypedDict):
    """The last lines, and the offset behind them."""

    id: str
    lines: list[str]
    cursor: int


class HistoryPage(Lines):
    """A page of lines; `next_before` is null at the beginning."""

    next_before: int | None


class HistoryQuery(TypedDict, total=False):
    """Which page."""

    lines: int
    before_cursor: int
    format: Literal["raw", "text"]


class FormatQuery(TypedDict, total=False):
    """How lines are wanted."""

    format: Literal["raw", "text"]


class ScreenQuery(TypedDict, total=False):
    """`ansi`: bytes that draw it again."""

    format: Literal["ansi"]


class CastQuery(TypedDict, total=False):
    """The version of asciicast."""

    format: Literal["v2", "v3"]


class Screen(TypedDict):
    """What a terminal shows at an offset."""

    id: str
    cursor: int
    cols: int
    rows: int
    row: int
    col: int
    title: str
    cwd: str
    modes: list[str]
    lines: list[str]


class InputQuery(TypedDict, total=False):
    """`paste`: in brackets if the program asked for them; `enter`: and Enter after it."""

    paste: Literal["1"]
    enter: Literal["1"]


class Typed(TypedDict):
    """Bytes of the body that reached the terminal."""

    bytes: int


class Entered(TypedDict):
    """What somebody sent."""

    command: str
    timestamp: str


class EnteredQuery(TypedDict, total=False):
    """The last so many, since a time."""

    limit: int
    since: str


class Progress(TypedDict):
    """How far an agent is with its plan, by its own word; what it did not say is not there."""

    has_progress: bool
    plan_file: NotRequired[str]
    l1: NotRequired[str]
    l2: NotRequired[str]
    task_level: NotRequired[int]
    task_state: NotRequired[str]
    updated_at: NotRequired[str]


class Worker(TypedDict):
    """A session worker. `sessions` and `capacity` are counts; `journal_bytes` of output are kept on its disk."""

    id: str
    pid: int
    host: str
    state: Literal["live", "draining", "gone"]
    sessions: int
    capacity: int
    journal_bytes: int
    version: str
    started_at: str
    seen_at: str


class Status(TypedDict):
    """What runs here."""

    session_count: int
    server_time: str
    working_dir: str
    git_origin: str
    git_branch: str
    version: str
    journal_holes: int
    session_scrollback_lines: int
    otel_collector_running: bool
    otel_collector_last_exit: NotRequired[str]
    telemetry_store_bytes: int
    telemetry_delay_seconds: float
    flow_delay_seconds: float
    agents_session_id: NotRequired[str]


class CommitStats(TypedDict):
    """All files of a commit, listed or not."""

    files_changed: int
    lines_added: int
    lines_deleted: int
    has_binary: bool


class Commit(TypedDict):
    """A commit and its first files."""

    sha: str
    short_sha: str
    committed_at: str
    subject: str
    stats: CommitStats
    files: list[FileChange]
    files_truncated: bool


class GitLog(TypedDict):
    """Commits, newest first."""

    branch: str
    commits: list[Commit]


class GitLogQuery(TypedDict, total=False):
    """At most 50."""

    limit: int


class Agent(TypedDict):
    """A profile, and its session if it has one."""

    id: str
    name: str
    llm_type: str
    model: str
    session_id: str
    running: bool
    hidden: bool
    description: str
    singleton: bool


class AgentDetail(Agent):
    """A profile whole, and what is to be said of its file."""

    shell: str
    cli_type: str
    prompt: list[str]
    skills: list[str]
    cwd: str
    env: dict[str, str]
    path: str
    warnings: list[Problem]
    errors: list[Problem]


class Skill(TypedDict):
    """A skill in the list."""

    name: str
    description: str
    path: str
    license: str
    has_scripts: bool
    has_references: bool
    has_assets: bool


class SkillDetail(Skill):
    """A skill with its text."""

    body: str
    compatibility: str
    metadata: dict[str, Any]
    allowed_tools: list[str]
    errors: list[Problem]


class SkillsQuery(TypedDict, total=False):
    """Those of one agent."""

    agent: str


class Plans(TypedDict):
    """Every plan of the workspace."""

    plans: list[Plan]


ONE = "/api/sessions/{ref}"
TABLE: Table = {
    "GET /api/sessions": Told(list[Session]),
    "POST /api/sessions": Told(Created, body=Order, status=201),
    f"GET {ONE}": Told(Session),
    f"PATCH {ONE}": Told(Session, body=session.Patch),
    f"DELETE {ONE}": Told(status=204),
    f"GET {ONE}/output": Told(Lines, query=FormatQuery),
    f"GET {ONE}/history": Told(HistoryPage, query=HistoryQuery),
    f"GET {ONE}/recording": Told(str, query=CastQuery, media="application/x-asciicast"),
    f"GET {ONE}/screen": Told(Screen, query=ScreenQuery),
    f"GET {ONE}/progress": Told(Progress),
    f"POST {ONE}/input": Told(Typed, query=InputQuery, body=str),
    f"GET {ONE}/input-history": Told(list[Entered], query=EnteredQuery),
    f"POST {ONE}/input-history": Told(body=typing.Said, status=204),
    f"POST {ONE}/resize": Told(body=typing.Size, status=204),
    f"POST {ONE}/signal": Told(body=typing.Signal, status=204),
    f"POST {ONE}/bell": Told(status=204),
    f"POST {ONE}/activate": Told(status=204),
    f"POST {ONE}/notify": Told(body=Body, status=204),
    "GET /api/workers": Told(list[Worker]),
    "PATCH /api/workers/{worker_id}": Told(Worker, body=workers.Draining),
    "GET /api/status": Told(Status),
    "GET /api/git/log": Told(GitLog, query=GitLogQuery),
    "GET /api/plans": Told(Plans),
    "GET /api/plans/{filename}": Told(Plan),
    "GET /api/agents": Told(list[Agent]),
    "GET /api/agents/{agent_id}": Told(AgentDetail),
    "GET /api/skills": Told(list[Skill], query=SkillsQuery),
    "GET /api/skills/{name}": Told(SkillDetail),
}
