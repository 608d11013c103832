"""What lies on disk for one session: who it is, its journal, what was typed, how it ended.

It is all a worker needs to take the session up again with Redis empty, and all that history needs after its end.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from gestalt_contracts.events import Cause
from gestalt_session.notices.progress import Progress
from gestalt_session.terminal.slot import PRIVATE_FOLDER, replace_file

SERVER_RUNNER, TMUX_RUNNER = "server", "external"
"""Who holds a session's terminal: a pty host, or a tmux server of ours."""


class SessionFile(Struct, kw_only=True):
    """`session.json`. Sizes and labels change while the session lives; the rest never does."""

    uid: str
    id: str
    number: int  # its number on the pty host's wire
    host: str  # file name of that host's socket in the slot
    title: str
    role: str
    command: str
    argv: list[str]
    cwd: str
    cols: int
    rows: int
    created_at: float
    labels: dict[str, str] = {}
    runner: str = SERVER_RUNNER
    llm_type: str = ""
    model: str = ""
    skills: list[str] = []
    prompt_files: list[str] = []
    prompt_injection: dict[str, Any] | None = None  # of the launch; None when nothing was to be typed
    onair_string: str | None = None  # what the program shows before its prompts are typed; None: none are to be
    agent_id: str | None = None
    agent_name: str | None = None
    only: bool = False  # the singleton rule: the name is `<base> 1` or nothing
    deleted_at: float | None = None
    token_hash: str = ""  # of the program's token, which only the program has
    cause: Cause | None = None  # the flow that started it or typed into it last; None once somebody else has typed
    ends_turns: bool = False  # its agent says when a turn is over
    in_turn: bool = False  # it was given something to do, and has not said so since


class ExitFile(Struct, kw_only=True):
    """`exit.json`, written by whoever saw the end first: the pty host, or the worker that found it dead."""

    exit_code: int | None
    ended_at: float
    offset: int
    reason: str | None = None
    told: bool = False  # by a worker, to all who listen


class PromptsFile(Struct, kw_only=True):
    """`prompts.json`: how far an agent has been told its prompts; without it, nothing was typed yet."""

    typed: int = 0  # prompts, each with its Enter
    typing: bool = False  # the next one was begun: whoever finds this cannot know how much of it arrived
    over: bool = False  # all are typed, or it was told why not


class SessionFolder:
    """`sessions/<uid>/`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def journal(self) -> Path:
        """Where the segments lie."""
        return self.path / "journal"

    @property
    def input_history(self) -> Path:
        """One line of JSON for each recorded command."""
        return self.path / "input-history.jsonl"

    @property
    def progress(self) -> Path:
        """The plan progress that was reported last."""
        return self.path / "progress.json"

    @property
    def prompts(self) -> Path:
        """How far the agent has been told its prompts."""
        return self.path / "prompts.json"

    @property
    def sizes(self) -> Path:
        """One line of JSON for each resize: when, at which offset, to what."""
        return self.path / "sizes.jsonl"

    @property
    def answered(self) -> Path:
        """The offset up to which the program's questions have their answers, as 8 bytes."""
        return self.path / "answered"

    @property
    def signs(self) -> Path:
        """What the program said of itself: its title, where it is, its prompt."""
        return self.path / "signs.json"

    @property
    def has_ended(self) -> bool:
        """Whether somebody saw its end."""
        return (self.path / "exit.json").exists()

    def make(self) -> None:
        """Create the folder of a new session."""
        self.journal.mkdir(mode=PRIVATE_FOLDER, parents=True)

    def save(self, file: SessionFile) -> None:
        """Write `session.json` whole or not at all."""
        replace_file(self.path / "session.json", msgspec.json.encode(file))

    def load(self) -> SessionFile:
        """Read `session.json`. Raises OSError or msgspec.MsgspecError when there is none that can be read."""
        return msgspec.json.decode((self.path / "session.json").read_bytes(), type=SessionFile)

    def note_size(self, file: SessionFile, offset: int) -> None:
        """Keep the size that the terminal has from `offset` on."""
        mark = {"at": time.time(), "offset": offset, "cols": file.cols, "rows": file.rows}
        with self.sizes.open("ab") as sizes:
            sizes.write(b"\n" + msgspec.json.encode(mark) + b"\n")  # a line cut by a crash must not swallow this one

    def keep_size(self, file: SessionFile, offset: int) -> None:
        """Keep a new size, for recordings and for whoever takes the session up. Raises OSError."""
        self.note_size(file, offset)
        self.save(file)

    def save_exit(self, exit_file: ExitFile) -> None:
        """Write `exit.json` whole or not at all. Raises OSError."""
        replace_file(self.path / "exit.json", msgspec.json.encode(exit_file))

    def save_progress(self, progress: Progress) -> None:
        """Write `progress.json` whole or not at all."""
        replace_file(self.progress, msgspec.json.encode(progress))

    def load_progress(self) -> Progress | None:
        """The plan progress that was reported last; None without any, or when that cannot be read."""
        try:
            return msgspec.json.decode(self.progress.read_bytes(), type=Progress)
        except (OSError, msgspec.MsgspecError):
            return None

    def save_prompts(self, prompts: PromptsFile) -> None:
        """Write `prompts.json` whole or not at all. Raises OSError."""
        replace_file(self.prompts, msgspec.json.encode(prompts))

    def load_prompts(self) -> PromptsFile:
        """How far the agent has been told its prompts. Raises OSError, msgspec.MsgspecError when that is unreadable."""
        try:
            return msgspec.json.decode(self.prompts.read_bytes(), type=PromptsFile)
        except FileNotFoundError:
            return PromptsFile()

    def load_exit(self) -> ExitFile | None:
        """How the session ended; None while it lives, when nobody saw its end, or when that cannot be read."""
        try:
            return msgspec.json.decode((self.path / "exit.json").read_bytes(), type=ExitFile)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None


def may_live(slots: Path) -> set[str]:
    """Uids of the sessions in all slots of a volume that may be alive. Blocking: it looks at every session folder."""
    return {
        file.uid
        for slot in slots.iterdir()
        for folder, file in known_sessions(slot / "sessions")
        if file.deleted_at is None and not folder.has_ended
    }


def known_sessions(sessions: Path) -> list[tuple[SessionFolder, SessionFile]]:
    """Every session of a slot that can be read, oldest first. A folder without a readable file is passed over."""
    found = []
    for path in sessions.iterdir() if sessions.is_dir() else ():
        folder = SessionFolder(path)
        try:
            found.append((folder, folder.load()))
        except (OSError, msgspec.MsgspecError):
            continue  # made just before a crash: no program ever ran in it
    return sorted(found, key=lambda item: item[1].created_at)


def summary_base(file: SessionFile) -> dict[str, Any]:
    """The fields of a summary that the file alone decides, in the reference's order."""
    return {
        "id": file.id,
        "uid": file.uid,
        "title": file.title,
        "role": file.role,
        "llm_type": file.llm_type,
        "model": file.model,
        "interface": "cli",
        "runner": file.runner,
        "command": file.command,
        "skills": file.skills,
        "prompt_files": file.prompt_files,
        "cwd": file.cwd,
        "cols": file.cols,
        "rows": file.rows,
        "labels": file.labels,
        "agent_id": file.agent_id,
    }
