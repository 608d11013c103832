"""Processes as /proc shows them: no word of the system under test is taken for where they are."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"
"""State of a listening socket in /proc/net/tcp."""


def all_pids() -> Iterator[int]:
    """Every process there is."""
    return (int(entry.name) for entry in PROC.iterdir() if entry.name.isdecimal())


def stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the state on (field 3), empty for a process that is gone."""
    with suppress(OSError):
        return (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return []


def alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    return stat(pid)[:1] not in ([], ["Z"], ["X"])


def gone(pid: int) -> bool:
    """Whether it does not run any more."""
    return not alive(pid)


def stopped(pid: int) -> bool:
    """Whether it stands still after SIGSTOP."""
    return stat(pid)[:1] == ["T"]


def parent(pid: int) -> int:
    """Its parent; 0 for a process that is gone."""
    return int((stat(pid)[1:2] or ["0"])[0])


def started_at(pid: int) -> int:
    """When it was started, in clock ticks since boot: older processes have smaller numbers."""
    return int((stat(pid)[19:20] or ["0"])[0])


def children(pid: int) -> list[int]:
    """Its living children, oldest first."""
    return sorted(filter(alive, _children(pid)), key=started_at)


def _children(pid: int) -> list[int]:
    """As each of its threads has them: to ask every process for its parent costs a loop that others stand on."""
    found: list[int] = []
    with suppress(OSError):
        for thread in (PROC / str(pid) / "task").iterdir():
            found += map(int, (thread / "children").read_text(encoding="ascii").split())
    return found


def descendants(pid: int) -> list[int]:
    """Its living children, theirs, and so on."""
    found = children(pid)
    return found + [deeper for child in found for deeper in descendants(child)]


def argv(pid: int) -> list[str]:
    """Its command line."""
    with suppress(OSError):
        return (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    return []


def environment(pid: int) -> dict[str, str]:
    """The environment it was started with."""
    with suppress(OSError):
        pairs = (PROC / str(pid) / "environ").read_bytes().decode(errors="surrogateescape").split("\0")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    return {}


def memory_kb(pid: int) -> int:
    """Its own memory (proportional set size), in kB."""
    text = (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def cpu_seconds(pid: int) -> float:
    """CPU time it has used, in user and kernel mode."""
    fields = stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0.0


def listens(pid: int) -> list[int]:
    """The TCP ports it listens on."""
    inodes = {target[8:-1] for target in open_files(pid) if target.startswith("socket:[")}
    ports = []
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (PROC / str(pid) / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and fields[9] in inodes:
                    ports.append(int(fields[1].rpartition(":")[2], 16))
    return ports


def open_files(pid: int) -> list[str]:
    """What its file descriptors point at."""
    with suppress(OSError):
        return [str(fd.readlink()) for fd in (PROC / str(pid) / "fd").iterdir()]
    return []


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal; a process that is gone does not mind."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def kill_all(pids: Iterable[int]) -> None:
    """SIGKILL to each."""
    for pid in pids:
        kill(pid)
