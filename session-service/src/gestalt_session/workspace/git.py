"""What git says of the workspace: where it is, what was committed. Every call has a time limit, none runs a shell."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

SECONDS = 2.0
SHORT_HASH = 12


class GitTimedOut(Exception):
    """Git did not answer within SECONDS."""


class GitFailed(Exception):
    """Git is missing, or this is no repository; the message is git's own."""


async def run(workspace: Path, *arguments: str) -> bytes:
    """The output of one git command. Raises GitFailed, GitTimedOut."""
    try:
        process = await asyncio.create_subprocess_exec(
            *("git", "--no-optional-locks", *arguments),
            cwd=workspace,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise GitFailed(f"git cannot be run: {error}") from error
    return await _answer(process)


async def _answer(process: asyncio.subprocess.Process) -> bytes:
    try:
        async with asyncio.timeout(SECONDS):
            output, errors = await process.communicate()
    except TimeoutError:
        raise GitTimedOut(f"git took longer than {SECONDS:g} s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0:
        raise GitFailed(errors.decode("utf-8", "replace").strip())
    return output


async def origin_and_branch(workspace: Path) -> tuple[str, str]:
    """The URL of `origin` and the branch (`detached@<hash>`); empty outside git, or where git does not answer."""
    return await _origin(workspace), await _branch(workspace)


async def _origin(workspace: Path) -> str:
    try:
        return (await run(workspace, "config", "--get", "remote.origin.url")).decode("utf-8", "replace").strip()
    except (GitFailed, GitTimedOut):
        return ""


async def _branch(workspace: Path) -> str:
    try:
        return (await run(workspace, "symbolic-ref", "--short", "-q", "HEAD")).decode("utf-8", "replace").strip()
    except GitTimedOut:
        return ""
    except GitFailed:
        return await _detached(workspace)


async def _detached(workspace: Path) -> str:
    try:
        name = (await run(workspace, "rev-parse", "--verify", "-q", "HEAD")).decode().strip()
    except (GitFailed, GitTimedOut):
        return ""
    return f"detached@{name[:SHORT_HASH]}"
