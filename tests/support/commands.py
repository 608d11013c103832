"""Our commands, run as a person or a script runs them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.support.stack import Stack

BIN = Path(sys.executable).parent
RUN_SECONDS = 30.0


class Done:
    """What a command said, and its exit code."""

    def __init__(self, code: int, out: bytes, err: bytes) -> None:
        self.code, self.out, self.err = code, out.decode(), err.decode()

    def __repr__(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


def environment(system: Stack) -> dict[str, str]:
    """What a user has set: the server's address and token."""
    return system.environment() | {"GESTALT_URL": system.url}


async def run(system: Stack, *argv: str, stdin: bytes = b"", token: str) -> Done:
    """Run a command of ours to its end."""
    process = await asyncio.create_subprocess_exec(
        BIN / argv[0],
        *argv[1:],
        env=environment(system) | {"GESTALT_TOKEN": token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(RUN_SECONDS):
        out, err = await process.communicate(stdin)
    assert process.returncode is not None
    return Done(process.returncode, out, err)
