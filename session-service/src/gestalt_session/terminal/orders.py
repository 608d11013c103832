"""What a worker tells a pty host about a session: where its bytes go and how many are kept, what is to be started."""

from __future__ import annotations

from msgspec import Struct

from gestalt_session.terminal.device import Device
from gestalt_session.terminal.folder import SessionFile, SessionFolder
from gestalt_session.terminal.theme import Look


class Limits(Struct, frozen=True):
    """Sizes in bytes (settings of the same names)."""

    journal: int
    segment: int
    budget: int
    hosts: int = 1
    open_files: int | None = None  # what programs start with; None: what we have
    tmux_title: str = "Gestalt workspace"  # names the tmux session that people attach to
    look: Look = Look.DARK  # of the theme whose colours programs are told

    def start(self, file: SessionFile, folder: SessionFolder, env: dict[str, str]) -> dict[str, object]:
        """The body of CREATE: a program in a terminal of its own."""
        program = {"argv": file.argv, "env": env, "cwd": file.cwd, "cols": file.cols, "rows": file.rows}
        return self.keeping(file, folder) | program

    def adoption(self, file: SessionFile, folder: SessionFolder, device: Device) -> dict[str, object]:
        """The body of ADOPT: a terminal that is there already."""
        return self.keeping(file, folder) | {"pid": device.pid}

    def keeping(self, file: SessionFile, folder: SessionFolder) -> dict[str, object]:
        """What both say: whose bytes, and where they go."""
        return {"uid": file.uid, "journal": str(folder.journal), "cap": self.journal, "segment": self.segment}
