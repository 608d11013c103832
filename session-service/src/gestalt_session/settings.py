"""What the environment says to a session worker. Read once, in __main__; everything else receives values."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from pydantic import Field

from gestalt_serving.settings import MIB, Duration, ServiceSettings, Words, words
from gestalt_session.terminal.theme import Look

IN_A_CONTAINER = Path("/.dockerenv")
PASSED_IN_A_CONTAINER = (
    "HOME,USER,LOGNAME,SHELL,PATH,LANG,LC_*,TZ,TMPDIR,SSH_AUTH_SOCK,DISPLAY,XDG_*,"
    "HTTP_PROXY,HTTPS_PROXY,NO_PROXY,ALL_PROXY,http_proxy,https_proxy,no_proxy,all_proxy"
)


class Settings(ServiceSettings):
    """One field for each variable `GESTALT_<NAME>`."""

    data_dir: Path | None = None
    """Slots and journals; default: `.gestalt` in the workspace."""
    config_dir: Path | None = None
    """Profiles, prompts and skills; default: `.gestalt/config` in the workspace."""
    slot: int | None = None
    """The slot to claim; default: the first free one."""
    url: str = ""
    """Where programs in sessions reach the API."""
    shell: str = ""
    """What runs when no command is given; default: $SHELL, /bin/bash."""
    pass_env: Words = Field(default_factory=list)
    """Which of our variables programs get (globs); default `*`, in containers a short list."""
    pty_hosts: int = Field(default=1, ge=1, le=16)
    """Pty hosts for new sessions; a session stays with its host."""
    journal_size: int = Field(default=64 * MIB, ge=MIB)
    """Bytes of output kept for each session."""
    journal_budget: int = Field(default=4096 * MIB, ge=16 * MIB)
    """Bytes of output kept for all sessions of this worker."""
    session_buffer_lines: int = Field(default=1_000, ge=1)
    """Lines that `output` answers."""
    session_scrollback_lines: int = Field(default=2_000, ge=1)
    """Told to user interfaces."""
    closed_session_ttl: Duration = 3_600.0
    """How long an ended session stays listed."""
    session_retention: Duration = 7 * 86_400.0
    """How long history answers after a session has left the list."""
    lost_after: Duration = 600.0
    """How long a worker may be away before its sessions count as lost."""
    watch_paths: Words = Field(default_factory=list)
    """Directories to watch instead of the workspace; plans and configuration always are."""
    capacity: int = Field(default=500, ge=1)
    """Sessions this worker takes; placement compares what is free."""
    draining: bool = False
    """Start as a worker that takes no new sessions and ends when it has none."""
    input_limit: int = MIB
    """Largest body of `input`."""
    body_limit: int = MIB
    """Largest JSON body."""
    screens: bool = True
    """Follow what terminals show, in a process of its own; without it viewers get the last output instead."""
    terminal_theme: Look = Look.DARK
    """Which colours a program is told that asks for them: `dark` or `light`, those of the dashboard."""
    ack_window: int = Field(default=512 * 1024, ge=128 * 1024)
    """Most bytes that a viewer who acknowledges is sent beyond its acknowledgement."""
    history_page_bytes: int = 4 * MIB
    """Most bytes of output one page of history is made from."""

    @property
    def data(self) -> Path:
        """Where slots lie."""
        return (self.data_dir or self.workspace / ".gestalt").resolve()

    @property
    def config(self) -> Path:
        """Where profiles, prompts and skills lie; a relative path begins at the workspace."""
        return (self.workspace / (self.config_dir or Path(".gestalt", "config"))).resolve()

    @property
    def program_shell(self) -> str:
        """The default program of a session."""
        return self.shell or os.environ.get("SHELL") or "/bin/bash"

    @property
    def passed(self) -> tuple[str, ...]:
        """Globs of the variables that programs inherit."""
        default = words(PASSED_IN_A_CONTAINER) if IN_A_CONTAINER.exists() else ["*"]
        return tuple(self.pass_env or default)

    @property
    def node(self) -> str:
        """This machine's name."""
        return socket.gethostname()
