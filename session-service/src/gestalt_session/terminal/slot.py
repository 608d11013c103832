"""A worker's slot: its stable id, its sessions and its hosts' sockets, held by a file lock (architecture §5).

Whoever holds the lock of `<data>/slots/<n>` is that worker, whatever the leases in Redis say: a paused worker still
holds it, so two never type into one terminal; a restarted one claims it at once.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from gestalt_ptyhost.holders import holds_terminals

_drafts = itertools.count()
PRIVATE_FOLDER = 0o700
PRIVATE_FILE = 0o600
MOST_SLOTS = 1_000  # a bound for the search, far over what one data directory serves


class SlotFile(Struct):
    """What `slot.json` holds: the worker's id for ever, and the highest generation it ever had."""

    worker_id: str
    generation: int = 0


class Slot:
    """A claimed slot. The lock lives as long as `descriptor` is open; it is close-on-exec, so nobody inherits it."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self._descriptor = descriptor
        self._file = folder / "slot.json"
        self.state = self._load()

    @property
    def worker_id(self) -> str:
        """The stable id of the worker that this slot is."""
        return self.state.worker_id

    @property
    def sessions(self) -> Path:
        """Where the session folders lie."""
        return self.folder / "sessions"

    def keep_generation(self, generation: int) -> None:
        """Note the highest generation, so that an emptied Redis cannot go back behind it."""
        self.state.generation = max(self.state.generation, generation)
        replace_file(self._file, msgspec.json.encode(self.state))

    def release(self) -> None:
        """Give the slot to whoever comes next."""
        os.close(self._descriptor)

    def _load(self) -> SlotFile:
        if self._file.exists():
            return msgspec.json.decode(self._file.read_bytes(), type=SlotFile)
        state = SlotFile(worker_id=f"w{self.folder.name}-{secrets.token_hex(4)}")
        replace_file(self._file, msgspec.json.encode(state))
        return state


def claim_slot(data: Path, wanted: int | None = None) -> Slot:
    """Lock the slot `wanted`, else the first free one, those that hold terminals before all others.

    Raises BlockingIOError when it is (or all are) taken.
    """
    numbers = sorted(range(MOST_SLOTS), key=_without_terminals(data)) if wanted is None else (wanted,)
    for number in numbers:
        descriptor = _lock(data / "slots" / str(number))
        if descriptor is not None:
            return Slot(data / "slots" / str(number), descriptor)
    raise BlockingIOError(f"no free slot in {data / 'slots'}")


def _without_terminals(data: Path) -> Callable[[int], bool]:
    """False for slots whose terminals live: they sort first, so that none stays without a worker."""
    living = {folder.name for folder in data.glob("slots/*") if holds_terminals(str(folder))}
    return lambda number: str(number) not in living


def _lock(folder: Path) -> int | None:
    (folder / "sessions").mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def replace_file(path: Path, content: bytes) -> None:
    """Write a private file whole or not at all."""
    draft = path.with_name(f"{path.name}.{next(_drafts)}.new")  # two threads may be writing the same file
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
