"""The one way a command ends badly: a line for the user, and an exit code."""

from __future__ import annotations


class CommandFailed(Exception):
    """What the user reads on stderr, as one line; `exit_code` is 1 unless the contract names another."""

    def __init__(self, message: str, *, exit_code: int = 1) -> None:
        super().__init__(" ".join(message.split()))
        self.exit_code = exit_code
