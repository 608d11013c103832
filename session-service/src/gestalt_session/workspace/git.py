"""What git says of the workspace: where it is, what was committed. Every question has a limit, none runs a shell."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

SECONDS = 2.0
KILLED_SECONDS = 0.5
SHORT_HASH = 12
HEADS = "refs/heads/"
OF_ANOTHER_REPOSITORY = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"})
"""What a hook that started us would have git look at instead of the workspace."""
OURS = ("GESTALT_", "REDIS_URL", "OTEL_")
"""How our own variables begin, which may be secrets: a repository's configuration can have git run any program."""


class Repository(NamedTuple):
    """Where a repository's HEAD lies (a worktree has one of its own), and the top of its files."""

    folder: str
    top: str


class GitTimedOut(Exception):
    """Git did not answer within SECONDS."""


class GitFailed(Exception):
    """Git says no, or this is no repository; the message is git's own."""


class GitMissing(GitFailed):
    """Git cannot be run."""


@asynccontextmanager
async def time_limit() -> AsyncIterator[None]:
    """SECONDS for everything inside. Raises GitTimedOut."""
    try:
        async with asyncio.timeout(SECONDS):
            yield
    except TimeoutError:
        raise GitTimedOut(f"git took longer than {SECONDS:g} s") from None


async def run(workspace: Path, *arguments: str) -> bytes:
    """The output of one git command, under a `time_limit`. Raises GitFailed.

    It writes to memory files: a pipe could be held open by whatever git started, for longer than git lives.
    """
    with _memory_file() as output, _memory_file() as errors:
        process = await _start(workspace, arguments, output, errors)
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                await _kill(process)
        if process.returncode != 0:
            raise GitFailed(_content(errors).decode("utf-8", "replace").strip())
        return _content(output)


@contextmanager
def _memory_file() -> Iterator[BinaryIO]:
    with os.fdopen(os.memfd_create("git", os.MFD_CLOEXEC), "w+b") as file:
        yield file


def _content(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


async def _start(
    workspace: Path, arguments: tuple[str, ...], output: BinaryIO, errors: BinaryIO
) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *("git", "--no-optional-locks", *arguments),
            cwd=workspace,
            env=_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
    except OSError as error:
        raise GitMissing(f"git cannot be run: {error}") from error


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name not in OF_ANOTHER_REPOSITORY and not name.startswith(OURS)
    }


async def _kill(process: asyncio.subprocess.Process) -> None:
    """End it and what it started; one that even KILL does not end at once is not waited for."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(KILLED_SECONDS):
            await process.wait()


async def branch(workspace: Path) -> str | None:
    """The branch that is checked out; None when none is. Raises GitFailed only when git cannot be run."""
    try:
        name = (await run(workspace, "symbolic-ref", "-q", "HEAD")).decode("utf-8", "replace").strip()
    except GitMissing:
        raise
    except GitFailed:
        return None
    return name.removeprefix(HEADS)


async def origin_and_branch(workspace: Path) -> tuple[str, str]:
    """The URL of `origin` and the branch (`detached@<hash>`); empty outside git, or where git does not answer."""
    origin, shown = await asyncio.gather(_origin(workspace), _branch(workspace))
    return origin, shown


async def _origin(workspace: Path) -> str:
    try:
        async with time_limit():
            return (await run(workspace, "config", "--get", "remote.origin.url")).decode("utf-8", "replace").strip()
    except (GitFailed, GitTimedOut):
        return ""


async def _branch(workspace: Path) -> str:
    try:
        async with time_limit():
            return await branch(workspace) or await _detached(workspace)
    except (GitFailed, GitTimedOut):
        return ""


async def _detached(workspace: Path) -> str:
    name = (await run(workspace, "rev-parse", "--verify", "-q", "HEAD")).decode().strip()
    return f"detached@{name[:SHORT_HASH]}"


async def repository(workspace: Path) -> Repository | None:
    """The repository that the workspace lies in, None without one, or where git does not answer."""
    try:
        async with time_limit():
            answer = await run(workspace, "rev-parse", "--absolute-git-dir", "--show-toplevel")
    except (GitFailed, GitTimedOut):
        return None
    folder, _, top = os.fsdecode(answer).rstrip("\n").partition("\n")
    return Repository(folder, top)
