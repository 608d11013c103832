"""Recent commits with their files (contract §8): one `git log -z`, parsed as a structure; names stand as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from gestalt_session.workspace.git import GitFailed, GitMissing, branch, run, time_limit

LISTED_FILES = 50  # of each commit; the statistics count all
SHORT = 12
DETACHED = "HEAD"  # the reference's word for no branch
_RECORD = "\x1e"
_FORMAT = f"--format={_RECORD}%H%x00%cI%x00%s"
_PLAIN = ("--no-show-signature", "--no-ext-diff", "--no-textconv", "--no-color")
"""Whatever the user's settings want to see."""
_BEGINNING = re.compile(r"(?:\A|\0)\x1e(?=[0-9a-f]{40,64}\0)")  # subjects and names may hold a record mark, but no NUL


class FileChange(Struct, frozen=True, omit_defaults=True):
    """One file of a commit; `added` and `deleted` are null for a binary one."""

    path: str
    added: int | None
    deleted: int | None
    binary: bool
    old_path: str | None = None


async def recent(workspace: Path, limit: int) -> dict[str, Any]:
    """`{branch, commits}`, newest first; empty outside a repository and in one without commits.

    Raises GitFailed when git itself fails, GitTimedOut.
    """
    async with time_limit():
        if not await _has_commits(workspace):
            return {"branch": "", "commits": []}
        name = await branch(workspace)
        raw = await run(workspace, "log", "-z", f"-n{limit}", "--numstat", "-M", *_PLAIN, _FORMAT)
    return {"branch": name or DETACHED, "commits": parse(raw)}


async def _has_commits(workspace: Path) -> bool:
    try:
        await run(workspace, "rev-parse", "--verify", "-q", "HEAD")
    except GitMissing:
        raise
    except GitFailed:
        return False
    return True


def parse(raw: bytes) -> list[dict[str, Any]]:
    """The commits of `git log -z --numstat` in our format."""
    text = raw.decode("utf-8", "replace")
    return [_commit(record) for record in _BEGINNING.split(text) if record.strip("\0\n")]


def _commit(record: str) -> dict[str, Any]:
    sha, committed_at, rest = record.split("\0", 2)
    subject, _, stats = rest.partition("\0")
    files = list(_files(stats.lstrip("\n")))
    return {
        "sha": sha,
        "short_sha": sha[:SHORT],
        "committed_at": committed_at,
        "subject": subject.strip(),
        "stats": {
            "files_changed": len(files),
            "lines_added": sum(file.added or 0 for file in files),
            "lines_deleted": sum(file.deleted or 0 for file in files),
            "has_binary": any(file.binary for file in files),
        },
        "files": files[:LISTED_FILES],
        "files_truncated": len(files) > LISTED_FILES,
    }


def _files(stats: str) -> Iterator[FileChange]:
    """`added TAB deleted TAB path NUL`, or for a rename `added TAB deleted TAB NUL old NUL new NUL`."""
    fields = iter(stats.split("\0"))
    for field in fields:
        counts = field.lstrip("\n").split("\t", 2)
        if len(counts) < 3:  # noqa: PLR2004 - the closing NUL leaves an empty field
            continue
        added, deleted, path = counts
        old = next(fields, "") if not path else None
        yield FileChange(
            path=path or next(fields, ""),
            added=_lines(added),
            deleted=_lines(deleted),
            binary=added == "-",
            old_path=old,
        )


def _lines(count: str) -> int | None:
    return None if count == "-" else int(count)
